"""A page is a card as one HTML file that asks nothing of anywhere: numbers, pictures, style and script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.cards import tables, words
from probekit.cards.card import Card, Cell, Column
from probekit.cards.gallery import Gallery, gallery
from probekit.cards.names import Names
from probekit.cards.plots import curves
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, StoreError
from probekit.evidence.verdict import Word
from probekit.plain import plain
from probekit.runs.pictures import colour
from probekit.storage.curve import Points, logged
from probekit.storage.folder import Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
SIGNS: dict[Word, str] = {
    "has it": "●",
    "partly": "◐",
    "fits, does not generalise": "○",
    "did not fit": "△",
    "undecided": "?",
    "not measured": "–",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A column with its pictures; learned: an SVG element that holds nothing of the store but numbers."""

    column: Column
    cells: tuple[Cell, ...]
    learned: Markup | None
    gallery: Gallery
    paper: bool


def page(
    card: Card, store: Store, known: Registry, structures: Sequence[str] = (), probes: Sequence[str] = ()
) -> str:
    """Return a card as HTML, its pictures drawn from the store.

    structures, probes: as typed; what a store names by a file is drawn where that file was typed alone.
    """
    names = Names(known, structures, probes)
    sections = [section(card, column, place, store, names) for place, column in enumerate(card.columns)]
    templates = environment()
    script = templates.get_template("card.js").render()
    return templates.get_template("card.html.jinja").render(
        card=card,
        sections=sections,
        tables=tables,
        words=words,
        signs=SIGNS,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def environment() -> Environment:
    """Return the templates; all that is put into them is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["colour"] = colour
    found.filters["plain"] = plain
    return found


def section(card: Card, column: Column, place: int, store: Store, names: Names) -> Section:
    """Draw a column."""
    from markupsafe import Markup

    lines: list[tuple[int, Points]] = []
    spoilt: list[str] = []
    for number, one in enumerate(column.cells):
        for run in one.runs:
            folder = Folder(store.root / run.folder)
            try:
                if points := logged(folder, folder.read_result()):
                    lines.append((number, points))
            except StoreError as error:
                spoilt.append(f"{run.folder}: {error.found}.")
    try:
        drawn = gallery(column, names.probe(column.resolved), store, names)
    except ProbekitError as error:
        drawn = Gallery(notes=[f"No cases are drawn: {error.found}."])
    drawn.notes += spoilt
    cells = tuple(cell for name in card.structures if (cell := column.cell(name)) is not None)
    return Section(
        column=column,
        cells=cells,
        learned=Markup(curves(lines, f"curves{place}")) if lines else None,
        gallery=drawn,
        paper=any(cell.headline.published is not None for cell in cells),
    )
