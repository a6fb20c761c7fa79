"""A page is a card as one HTML file that asks nothing of anywhere: numbers, pictures, style and script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.cards import notes, tables, words
from probekit.cards.card import Card, Cell, Column
from probekit.cards.names import Names
from probekit.cards.tables import Table
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, StoreError, reason
from probekit.evidence.compare import UNKNOWN
from probekit.evidence.verdict import Word
from probekit.pages.cost import costs
from probekit.pages.gallery import Gallery, gallery
from probekit.pages.hues import Hues, hues, throughout
from probekit.pages.maps import Maps, maps
from probekit.pages.plots import climbs, curves
from probekit.pages.strip import Strip, across, strip
from probekit.plain import plain
from probekit.storage.curve import Points, logged
from probekit.storage.folder import Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MANY = 12
"""Sentences of structures that are shown unfolded at the most."""
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
    """A column with its pictures; learned, climbed, costs: SVG elements of numbers alone, and names of axes.

    strips: by structure; hues: the colours of its plots; paper: whether there are published numbers; solved:
    what is told of how hard it may be, "" where nothing is; notes: what is not drawn.
    """

    column: Column
    cells: tuple[Cell, ...]
    strips: dict[str, Strip | None]
    hues: Hues
    learned: Markup | None
    climbed: Markup | None
    costs: tuple[Markup, ...]
    gallery: Gallery
    maps: list[Maps]
    paper: bool
    solved: str
    notes: list[str]


def page(
    card: Card, store: Store, known: Registry, structures: Sequence[str] = (), probes: Sequence[str] = ()
) -> str:
    """Return a card as HTML, its pictures drawn from the store.

    structures, probes: as typed; what a store names by a file is drawn where that file was typed alone.
    """
    names = Names(known, structures, probes)
    sections = [section(card, column, place, store, names) for place, column in enumerate(card.columns)]
    return rendered(
        "card", card=card, sections=sections, tables=tables, notes=notes, signs=SIGNS, unclaimed=UNKNOWN
    )


def report(title: str, about: str, texts: Iterable[Table]) -> str:
    """Return tables as a page like a card's."""
    return rendered("report", title=title, about=about, tables=list(texts))


def rendered(name: str, **given: Any) -> str:
    """Return a template filled; its script is allowed by its digest, and no other."""
    templates = environment()
    script = templates.get_template("card.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates.get_template(f"{name}.html.jinja").render(digest=digest, words=words, **given)


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
    found.globals |= {"throughout": throughout, "across": across, "MANY": MANY}
    found.filters["plain"] = plain
    return found


def section(card: Card, column: Column, place: int, store: Store, names: Names) -> Section:
    """Draw a column."""
    from markupsafe import Markup

    lines: list[tuple[str, Points]] = []
    spoilt: list[str] = []
    cells = tuple(cell for name in card.structures if (cell := column.cell(name)) is not None)
    told = hues(list(card.structures), cells)
    rising = sorted(cells, key=lambda cell: cell.structure in told.own)
    for one in rising:
        for run in one.runs:
            folder = Folder(store.root / run.folder)
            try:
                if points := logged(folder, folder.read_result()):
                    lines.append((told.of(one.structure), points))
            except StoreError as error:
                spoilt.append(f"{run.folder}: {error.found}.")
    try:
        drawn = gallery(column, names.probe(column.resolved), store, names)
    except Exception as error:  # a probe's own code draws and judges the items
        said = error.found if isinstance(error, ProbekitError) else reason(error)
        drawn = Gallery(notes=[f"No cases are drawn: {said}."])
    missing = drawn.notes + spoilt
    numbers = {name: number for number, name in enumerate(card.structures, 1)}
    climbed = [(told.of(one.structure), one.along) for one in rising if one.along and one.along.points]
    return Section(
        column=column,
        cells=cells,
        strips={cell.structure: strip(column, cell) for cell in cells},
        hues=told,
        learned=Markup(curves(lines, f"curves{place}")) if lines else None,
        climbed=Markup(climbs(climbed, f"climbs{place}")) if climbed else None,
        costs=tuple(map(Markup, costs(column, numbers, told, f"costs{place}"))),
        gallery=drawn,
        maps=maps(column.cells, store, missing),
        paper=any(cell.headline.published is not None for cell in cells),
        solved=words.solving([cell.along for cell in cells]),
        notes=missing,
    )
