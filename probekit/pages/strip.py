"""A strip shows one structure on one probe: its scores as marks on an axis that all strips share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probekit.cards.card import Column
from probekit.cards.cell import Cell
from probekit.cards.formatting import format_confidence, format_percent
from probekit.storage.result import normalize_score

LOW, HIGH = -0.3, 1.05
"""Normalised scores at the ends of the axis; scores beyond are drawn as arrows."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: its kind, its position on the axis in per cent, and whether its score lies beyond it."""

    kind: str
    x: str
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """The marks of a cell, the ends of its interval on the axis, and a description in words."""

    marks: tuple[Mark, ...]
    span: tuple[str, str] | None
    label: str


def x_percent(score: float) -> str:
    """Return the position of a normalised score on the axis, in per cent of its length."""
    return f"{(max(LOW, min(score, HIGH)) - LOW) / (HIGH - LOW):.2%}"


def make_strip(column: Column, cell: Cell) -> Strip | None:
    """Return a cell's strip, None without a normalised score."""
    score = cell.headline
    if score.place is None:
        return None
    ends = None if score.reach is None or score.reach[1] < LOW else score.reach
    return Strip(
        tuple(Mark(kind, x_percent(x), not LOW <= x <= HIGH) for kind, x in list_marks(column, cell)),
        None if ends is None else (x_percent(ends[0]), x_percent(ends[1])),
        ", ".join(describe_strip(column, cell)),
    )


def list_marks(column: Column, cell: Cell) -> Iterator[tuple[str, float]]:
    """Yield the kind and the normalised score of each mark, the topmost last."""
    score = cell.headline
    for line in column.controls:
        yield "control", line.place
    if (
        column.ceiling != column.perfect
        and (ceiling := normalize_headline(column, column.ceiling)) is not None
    ):
        yield "ceiling", ceiling
    if (published := normalize_headline(column, score.published)) is not None:
        yield "published", published
    for run in cell.done:
        if run.trained is not None:
            yield "trained", run.trained
    for run in cell.done:
        if run.place is not None:
            yield "seed", run.place
    if score.place is not None:
        yield "mean", score.place


def describe_strip(column: Column, cell: Cell) -> Iterator[str]:
    """Yield a strip's parts for those who do not see it."""
    score = cell.headline
    yield f"Normalised score {format_percent(score.place)}"
    if score.reach is not None:
        level = format_confidence(score.interval.confidence) if score.interval else "95 %"
        yield f"{level} interval {format_percent(score.reach[0])} to {format_percent(score.reach[1])}"
    seeds = [f"{run.seed} {format_percent(run.place)}" for run in cell.done if run.place is not None]
    yield f"seeds {', '.join(seeds)}"
    yield f"training score {format_percent(score.trained)}"
    for line in column.controls:
        yield f"baseline {line.name} {format_percent(line.place)}"
    if (published := normalize_headline(column, score.published)) is not None:
        yield f"published {format_percent(published)}"


def normalize_headline(column: Column, value: float | None) -> float | None:
    """Return a score of a column's headline metric, normalised."""
    return None if column.perfect is None else normalize_score(value, column.floor, column.perfect)
