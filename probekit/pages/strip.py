"""A strip is one structure on one probe as marks on an axis that all strips of a card share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probekit.cards.card import Cell, Column
from probekit.cards.words import percent
from probekit.storage.result import place

LOW, HIGH = -0.3, 1.05
"""The places at the ends of the axis; what lies beyond is an arrow at its end."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on the axis: what it is, where, in per cent of the axis, and whether it lies beyond."""

    kind: str
    x: str
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """A cell's marks; span: the ends of its interval on the axis; said: all of it in words."""

    marks: tuple[Mark, ...]
    span: tuple[str, str] | None
    said: str


def across(at: float) -> str:
    """Return where a place lies on the axis, in per cent of its length, kept within."""
    return f"{(max(LOW, min(at, HIGH)) - LOW) / (HIGH - LOW):.2%}"


def strip(column: Column, cell: Cell) -> Strip | None:
    """Return a cell's strip, None where it has no place."""
    score = cell.headline
    if score.place is None:
        return None
    ends = None if score.reach is None or score.reach[1] < LOW else score.reach
    return Strip(
        tuple(Mark(kind, across(at), not LOW <= at <= HIGH) for kind, at in places(column, cell)),
        None if ends is None else (across(ends[0]), across(ends[1])),
        ", ".join(words(column, cell)),
    )


def places(column: Column, cell: Cell) -> Iterator[tuple[str, float]]:
    """Yield what is drawn and its place, that which lies on top last."""
    score = cell.headline
    for line in column.controls:
        yield "control", line.place
    if column.ceiling != column.perfect and (top := at(column, column.ceiling)) is not None:
        yield "ceiling", top
    if (published := at(column, score.published)) is not None:
        yield "published", published
    for run in cell.done:
        if run.trained is not None:
            yield "trained", run.trained
    for run in cell.done:
        if run.place is not None:
            yield "seed", run.place
    if score.place is not None:
        yield "mean", score.place


def words(column: Column, cell: Cell) -> Iterator[str]:
    """Yield a strip's parts for those who do not see it."""
    score = cell.headline
    yield f"Place {percent(score.place)} between floor and perfect"
    if score.reach is not None:
        yield f"95 % from {percent(score.reach[0])} to {percent(score.reach[1])}"
    seeds = [f"{run.seed} {percent(run.place)}" for run in cell.done if run.place is not None]
    yield f"seeds {', '.join(seeds)}"
    yield f"on the training items {percent(score.trained)}"
    for line in column.controls:
        yield f"control {line.name} at {percent(line.place)}"
    if (published := at(column, score.published)) is not None:
        yield f"published {percent(published)}"


def at(column: Column, value: float | None) -> float | None:
    """Return the place of a score in a column's headline metric."""
    return None if column.perfect is None else place(value, column.floor, column.perfect)
