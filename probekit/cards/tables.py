"""Tables are what a card says in rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probekit.cards.card import Card, Cell, Column, Score
from probekit.cards.notes import lacking, notes
from probekit.cards.words import (
    NOTHING,
    aside,
    duration,
    exact,
    flops,
    moved,
    number,
    percent,
    solved,
    solving,
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their heads, and what must be known to read them."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(card: Card) -> Iterator[Table]:
    """Yield a card's tables: structures x properties, then each column, then what was left out."""
    yield matrix(card)
    for column in card.columns:
        yield detail(card, column)
        yield cost(card, column)
        yield others(card, column)
    if card.omissions:
        yield Table("Left out", ("what", "why"), tuple(split(line) for line in card.omissions))
    yield Table("Made again by", ("command",), tuple((line,) for line in foot(card)))


def matrix(card: Card) -> Table:
    """Return structures x properties; of one structure, its properties."""
    heads = ("structure", *(f"{column.property}: {column.title}" for column in card.columns))
    rows = [
        (name, *(summary(column, column.cell(name)) for column in card.columns)) for name in card.structures
    ]
    if len(rows) == 1:
        turned = zip(heads[1:], rows[0][1:], strict=True)
        return Table(f"Report card of {rows[0][0]}", ("property", rows[0][0]), tuple(turned))
    said = tuple(map(card.sentence, card.structures))
    return Table("Report card", heads, tuple(rows), (*said, legend(card)))


def legend(card: Card) -> str:
    """Return how the standings of a card are to be read."""
    return (
        "Places lie from the best of all controls, which lack the property (0 %), to perfect (100 %)."
        " Differences are claimed from three seeds on, at 95 % of all pairs of a column at once (Holm)."
    )


def summary(column: Column, cell: Cell | None) -> str:
    """Return a cell of the matrix."""
    if cell is None:
        return "not measured"
    said = [percent(cell.headline.place), cell.verdict.word, standing(cell), failures(cell)]
    return "  ".join(text for text in said if text and text != NOTHING)


def standing(cell: Cell) -> str:
    """Return how a cell stands to the best of its column."""
    return f"({cell.standing})" if cell.standing else ""


def failures(cell: Cell) -> str:
    """Return how many seeds failed, where some did."""
    return f"{len(cell.failed)} of {len(cell.runs)} seeds failed" if cell.failed else ""


def detail(card: Card, column: Column) -> Table:
    """Return a column's headline, a row a structure."""
    paper = any(cell.headline.published is not None for cell in column.cells)
    beyond = any(cell.headline.harder is not None for cell in column.cells)
    climbs = bool(solving([cell.along for cell in column.cells]))
    shown = {"harder": beyond, "solved": climbs, "paper": paper}
    more = tuple(head for head, some in shown.items() if some)
    heads = ("structure", column.metric, "95 %", "place", "verdict", "to the best", *more)
    rows = [
        row(cell, paper, beyond, climbs)
        for name in card.structures
        if (cell := column.cell(name)) is not None
    ]
    return Table(f"{column.property}: {column.title}", heads, tuple(rows), tuple(notes(column)))


def row(cell: Cell, paper: bool, beyond: bool, climbs: bool) -> tuple[str, ...]:
    """Return a structure's cells."""
    score, published = cell.headline, cell.headline.published
    return (
        cell.structure,
        number(score.mean),
        span(score),
        percent(score.place),
        cell.verdict.word,
        standing(cell).strip("()"),
        *([number(score.harder)] if beyond else []),
        *([solved(cell.along)] if climbs else []),
        *([number(published)] if paper else []),
    )


def cost(card: Card, column: Column) -> Table:
    """Return what the structures of a column cost, a row each."""
    heads = ("structure", "parameters", "FLOPs", "training", "seeds", "failed")
    rows = tuple(
        (
            cell.structure,
            f"{cell.parameters:,}{aside(cell.budget_gap)}{moved(cell.width, cell.width_wished)}",
            flops(cell.flops),
            duration(cell.seconds),
            ", ".join(str(run.seed) for run in cell.done) or NOTHING,
            ", ".join(str(run.seed) for run in cell.failed) or NOTHING,
        )
        for name in card.structures
        if (cell := column.cell(name)) is not None
    )
    return Table(f"{column.title}: cost", heads, rows)


def others(card: Card, column: Column) -> Table:
    """Return all metrics of a column, and what was measured: a row a metric, a column a structure."""
    cells = [cell for name in card.structures if (cell := column.cell(name)) is not None]
    rows = [
        (
            name,
            number(first.floor),
            exact(first.perfect),
            *(placed(cell.scores.get(name)) for cell in cells),
        )
        for name, first in cells[0].scores.items()
    ]
    measured = sorted({name for cell in cells for name in cell.measured})
    rows += [(name, "", "", *(number(cell.measured.get(name)) for cell in cells)) for name in measured]
    heads = ("metric", "floor", "perfect", *(cell.structure for cell in cells))
    rest = sorted({name for cell in cells for run in cell.done for name in run.unscored} - {column.metric})
    why = tuple(text for cell in cells for text in lacking(cell, rest))
    return Table(f"{column.title}: mean over seeds, and place", heads, tuple(rows), why)


def foot(card: Card) -> Iterator[str]:
    """Yield the commands that make a card again."""
    for column in card.columns:
        yield from column.rebuild
    yield card.command


def placed(score: Score | None) -> str:
    """Return a mean and its place."""
    if score is None:
        return NOTHING
    return number(score.mean) + ("" if score.place is None else f"  {percent(score.place)}")


def span(score: Score) -> str:
    """Return an interval, and what it is over."""
    found = score.interval
    return NOTHING if found is None else f"{number(found.low)} to {number(found.high)}, {found.over}"


def split(line: str) -> tuple[str, str]:
    """Return what was left out, and why."""
    what, _, why = line.partition(": ")
    return what, why
