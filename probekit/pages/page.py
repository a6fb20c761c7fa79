"""A page is a card as one HTML file that loads nothing: numbers, pictures, style and script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell
from probekit.cards.formatting import (
    NOTHING,
    budget_note,
    format_confidence,
    format_duration,
    format_flops,
    format_percent,
    format_score,
    solved_limit,
    solved_meaning,
    width_note,
)
from probekit.cards.names import Names
from probekit.cards.notes import CHECK_WORDS, certificate_note, reading_notes
from probekit.cards.tables import Table, count_failures, metrics_table, rerun_commands
from probekit.catalog.registry import Registry
from probekit.evidence.compare import UNKNOWN
from probekit.evidence.words import Word
from probekit.pages.colours import ColumnColours, assign_colours, column_colours
from probekit.pages.cost import draw_costs
from probekit.pages.gallery import Gallery, draw_gallery
from probekit.pages.maps import Maps, draw_maps
from probekit.pages.plots import draw_difficulty_curves, draw_loss_curves
from probekit.pages.strip import Strip, make_strip, x_percent
from probekit.plain import make_plain
from probekit.plugin.errors import StoreError
from probekit.storage.folder import Folder
from probekit.storage.loss_curve import LossPoints, read_losses
from probekit.storage.store import Store

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MANY = 12
"""More structures than this are shown folded."""
TEMPLATES = Path(__file__).parent / "templates"
SIGNS: dict[Word, str] = {
    Word.HAS: "●",
    Word.PARTLY: "◐",
    Word.LACKS: "⊘",
    Word.FITS: "○",
    Word.COVARIANT: "◌",
    Word.LEARNED: "◑",
    Word.UNDECIDED: "?",
    Word.DID_NOT_FIT: "△",
    Word.LEARNING: "↗",
    Word.CONSTANT: "=",
    Word.UNMEASURED: "–",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A column with its pictures.

    Attributes:
        column: The column.
        cells: Its cells in the order of the card.
        strips: Score strips by structure.
        colours: The colours of its plots.
        loss_curves: An SVG element, None without logged losses.
        difficulty_curves: An SVG element, None for a probe without a difficulty axis.
        costs: SVG elements of the normalised score by each cost.
        gallery: Pictures of test items.
        maps: Pictures of measured maps.
        has_paper: Whether there are published numbers.
        solved: What the column `solved` means, "" without it.
        notes: What could not be drawn.
    """

    column: Column
    cells: tuple[Cell, ...]
    strips: dict[str, Strip | None]
    colours: ColumnColours
    loss_curves: Markup | None
    difficulty_curves: Markup | None
    costs: tuple[Markup, ...]
    gallery: Gallery
    maps: list[Maps]
    has_paper: bool
    solved: str
    notes: list[str]


def render_page(
    card: Card, store: Store, registry: Registry, structures: Sequence[str] = (), probes: Sequence[str] = ()
) -> str:
    """Return a card as HTML, with pictures drawn from the store.

    Args:
        card: The card.
        store: Where its runs lie.
        registry: The installed components.
        structures: Structures as typed. A Python file that a store names is run only if it was typed.
        probes: Probes as typed.
    """
    names = Names(registry, structures, probes)
    sections = [make_section(card, index, store, names) for index in range(len(card.columns))]
    return render_template("card", card=card, sections=sections)


def render_report(title: str, about: str, texts: Iterable[Table]) -> str:
    """Return tables as a page in the style of a card."""
    return render_template("report", title=title, about=about, tables=list(texts))


def render_template(name: str, **context: Any) -> str:
    """Render a template; the page allows its own script, by its digest, and no other."""
    templates = make_templates()
    script = templates.get_template("card.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates.get_template(f"{name}.html.jinja").render(digest=digest, **context)


def make_templates() -> Environment:
    """Return the templates, with autoescape; templates use these names, whatever the functions are called."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "plain": make_plain,
        "score": format_score,
        "percent": format_percent,
        "flops": format_flops,
        "duration": format_duration,
        "budget": budget_note,
        "solved": solved_limit,
        "level": format_confidence,
        "x_percent": x_percent,
    }
    templates.globals |= {
        "MANY": MANY,
        "NOTHING": NOTHING,
        "NO_ORDER": UNKNOWN,
        "SIGNS": SIGNS,
        "CHECK_WORDS": CHECK_WORDS,
        "assign_colours": assign_colours,
        "certificate_note": certificate_note,
        "count_failures": count_failures,
        "metrics_table": metrics_table,
        "reading_notes": reading_notes,
        "rerun_commands": rerun_commands,
        "width_note": width_note,
    }
    return templates


def make_section(card: Card, index: int, store: Store, names: Names) -> Section:
    """Draw the pictures of the card's column with this index."""
    from markupsafe import Markup

    column = card.columns[index]
    notes: list[str] = []
    cells = tuple(cell for name in card.structures if (cell := column.cell(name)) is not None)
    colours = column_colours(list(card.structures), cells)
    # structures in grey are drawn first, below those with a colour
    stacked = sorted(cells, key=lambda cell: cell.structure in colours.by_structure)
    trained = [cell for cell in stacked if not cell.surveyed]
    losses = read_structure_losses(trained, colours, store, notes)
    stored = tuple(cell for cell in column.cells if not cell.surveyed)
    gallery = draw_gallery(column.model_copy(update={"cells": stored}), store)
    notes = gallery.notes + notes
    numbers = {name: number for number, name in enumerate(card.structures, 1)}
    difficulty = [
        (colours.colour_of(cell.structure), cell.along)
        for cell in stacked
        if cell.along and cell.along.points
    ]
    return Section(
        column=column,
        cells=cells,
        strips={cell.structure: make_strip(column, cell) for cell in cells},
        colours=colours,
        loss_curves=Markup(draw_loss_curves(losses, f"curves{index}")) if losses else None,
        difficulty_curves=Markup(draw_difficulty_curves(difficulty, f"climbs{index}"))
        if difficulty
        else None,
        costs=tuple(map(Markup, draw_costs(column, numbers, colours, f"costs{index}"))),
        gallery=gallery,
        maps=draw_maps(stored, store, notes),
        has_paper=any(cell.headline.published is not None for cell in cells),
        solved=solved_meaning([cell.along for cell in cells]),
        notes=notes,
    )


def read_structure_losses(
    cells: Iterable[Cell], colours: ColumnColours, store: Store, notes: list[str]
) -> list[tuple[str, LossPoints]]:
    """Return the logged losses of each run, with its structure's colour; notes: receives what is corrupt."""
    losses: list[tuple[str, LossPoints]] = []
    for cell in cells:
        for run in cell.runs:
            folder = Folder(store.root / run.folder)
            try:
                if points := read_losses(folder, folder.read_result()):
                    losses.append((colours.colour_of(cell.structure), points))
            except StoreError as error:
                notes.append(f"{run.folder}: {error.problem}.")
    return losses
