"""Tables of a card, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell, Score
from probekit.cards.formatting import (
    NOTHING,
    budget_note,
    format_confidence,
    format_duration,
    format_exact,
    format_flops,
    format_percent,
    format_score,
    solved_limit,
    solved_meaning,
    width_note,
)
from probekit.cards.notes import column_notes, missing_score_notes
from probekit.scores.interval import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, their heads, and notes for readers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def card_tables(card: Card) -> Iterator[Table]:
    """Yield a card's tables: structures by properties, then each column, then what was left out."""
    yield matrix_table(card)
    for column in card.columns:
        yield headline_table(card, column)
        yield cost_table(card, column)
        yield metrics_table(card, column)
    if card.omissions:
        yield Table("Left out", ("item", "reason"), tuple(map(split_reason, card.omissions)))
    commands = tuple((line,) for line in rerun_commands(card))
    yield Table("Commands that make this card again", ("command",), commands)


def matrix_table(card: Card) -> Table:
    """Return structures by properties; for one structure, its properties."""
    heads = ("structure", *(f"{column.property}: {column.title}" for column in card.columns))
    rows = [
        (name, *(summarize_cell(column, column.cell(name)) for column in card.columns))
        for name in card.structures
    ]
    if len(rows) == 1:
        transposed = zip(heads[1:], rows[0][1:], strict=True)
        return Table(f"Report card of {rows[0][0]}", ("property", rows[0][0]), tuple(transposed))
    sentences = tuple(map(card.describe_structure, card.structures))
    return Table("Report card", heads, tuple(rows), (*sentences, legend_text()))


def legend_text() -> str:
    """Return how to read the scores and standings of a card."""
    return (
        "Scores are normalised: 0 % is the best baseline that lacks the property, 100 % is a perfect answer. "
        "“Behind” means that another structure is better, beyond the noise of seeds and test items, at a "
        "level of 5 % for all structures of a column."
    )


def summarize_cell(column: Column, cell: Cell | None) -> str:
    """Return a cell of the matrix."""
    if cell is None:
        return "not measured"
    parts = [
        format_percent(cell.headline.place),
        cell.verdict.text,
        f"({cell.standing})" if cell.standing else "",
        count_failures(cell),
    ]
    return "  ".join(text for text in parts if text and text != NOTHING)


def count_failures(cell: Cell) -> str:
    """Return how many seeds failed, "" if none did."""
    return f"{len(cell.failed)} of {len(cell.runs)} seeds failed" if cell.failed else ""


def headline_table(card: Card, column: Column) -> Table:
    """Return the headline scores of a column, one row per structure."""
    has_paper = any(cell.headline.published is not None for cell in column.cells)
    has_extrapolation = any(cell.headline.harder is not None for cell in column.cells)
    has_limit = bool(solved_meaning([cell.along for cell in column.cells]))
    optional = {"extrapolation": has_extrapolation, "solved": has_limit, "paper": has_paper}
    extra = tuple(head for head, shown in optional.items() if shown)
    heads = ("structure", column.metric, "95 %", "normalised", "verdict", "vs best", *extra)
    rows = [headline_row(cell, extra) for name in card.structures if (cell := column.cell(name)) is not None]
    return Table(f"{column.property}: {column.title}", heads, tuple(rows), tuple(column_notes(column)))


def headline_row(cell: Cell, extra: tuple[str, ...]) -> tuple[str, ...]:
    """Return a structure's row of the headline table; extra: heads of the optional columns shown."""
    score = cell.headline
    optional = {
        "extrapolation": format_score(score.harder),
        "solved": solved_limit(cell.along),
        "paper": format_score(score.published),
    }
    return (
        cell.structure,
        format_score(score.mean),
        format_interval(score),
        format_percent(score.place),
        cell.verdict.text,
        cell.standing,
        *(optional[head] for head in extra),
    )


def cost_table(card: Card, column: Column) -> Table:
    """Return what the structures of a column cost, one row per structure."""
    heads = ("structure", "parameters", "FLOPs", "training", "seeds", "failed")
    rows = tuple(
        (
            cell.structure,
            f"{cell.parameters:,}{budget_note(cell.budget_gap)}{width_note(cell.width, cell.width_wished)}",
            format_flops(cell.flops),
            format_duration(cell.seconds),
            ", ".join(str(run.seed) for run in cell.done) or NOTHING,
            ", ".join(str(run.seed) for run in cell.failed) or NOTHING,
        )
        for name in card.structures
        if (cell := column.cell(name)) is not None
    )
    return Table(f"{column.title}: cost", heads, rows)


def metrics_table(card: Card, column: Column) -> Table:
    """Return all metrics and measurements of a column: one row per metric, one column per structure."""
    cells = [cell for name in card.structures if (cell := column.cell(name)) is not None]
    rows = [
        (
            name,
            format_score(first.floor),
            format_exact(first.perfect),
            *(format_mean_and_normalized(cell.scores.get(name)) for cell in cells),
        )
        for name, first in cells[0].scores.items()
    ]
    measured = sorted({name for cell in cells for name in cell.measured})
    rows += [(name, "", "", *(format_score(cell.measured.get(name)) for cell in cells)) for name in measured]
    heads = ("metric", "floor", "perfect", *(cell.structure for cell in cells))
    missing = {name for cell in cells for run in cell.done for name in run.unscored} - {column.metric}
    notes = tuple(text for cell in cells for text in missing_score_notes(cell, sorted(missing)))
    return Table(f"{column.title}: mean over seeds, and normalised score", heads, tuple(rows), notes)


def rerun_commands(card: Card) -> Iterator[str]:
    """Yield the commands that make a card again."""
    for column in card.columns:
        yield from column.rebuild
    yield card.command


def format_mean_and_normalized(score: Score | None) -> str:
    """Return a mean, followed by the same normalised."""
    if score is None:
        return NOTHING
    return format_score(score.mean) + ("" if score.place is None else f"  {format_percent(score.place)}")


def format_interval(score: Score) -> str:
    """Return an interval and its sample: seeds or items."""
    interval = score.interval
    if interval is None:
        return NOTHING
    level = "" if interval.confidence == CONFIDENCE else f", at {format_confidence(interval.confidence)}"
    return f"{format_score(interval.low)} to {format_score(interval.high)}, {interval.over}{level}"


def split_reason(line: str) -> tuple[str, str]:
    """Return the item that was left out, and the reason."""
    item, _, reason = line.partition(": ")
    return item, reason
