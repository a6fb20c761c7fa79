"""A cell of the heat map: a verdict with its colour, and the details that open on a click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probekit.cards.cell import Cell
from probekit.cards.formatting import format_confidence, format_duration, format_flops, format_percent
from probekit.catalog.grammar import Term, parse_term
from probekit.evidence.words import Word
from probekit.plugin.declarations import Value
from probekit.rows.layers import SurveyRow
from probekit.rows.versions import describe_version, is_current
from probekit.storage.difficulty_curve import DifficultyCurve

TONES = {
    Word.HAS: "good",
    Word.PARTLY: "middle",
    Word.LEARNED: "middle",
    Word.COVARIANT: "middle",
    Word.LACKS: "bad",
    Word.FITS: "bad",
}
"""The colour of each verdict; the rest say nothing of the property and are grey."""
GREY = "grey"
BELOW = "< 0%"
WIDTH, HEIGHT = 240, 70
"""Size of a difficulty curve in pixels."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A verdict on the heat map, and what a click on it shows.

    Attributes:
        verdict: The verdict in words.
        word: Its word.
        tone: The name of its colour.
        score: The normalised score; None if it is undefined, or of an older version of the probe, so that it
            is not sorted among others.
        shown: The score as it stands in the cell.
        version: The probe's version if it is not the installed one, else "".
        title: Structure and property.
        facts: Details by label.
        curve: Points of the difficulty curve as an SVG polyline, "" without a curve.
        curve_label: The curve in words.
    """

    verdict: str
    word: Word
    tone: str
    score: float | None
    shown: str
    version: str
    title: str
    facts: dict[str, str]
    curve: str
    curve_label: str


def make_heat_cell(
    name: str, line: SurveyRow, cell: Cell | None, probe: Any, shared: Sequence[tuple[str, Value]]
) -> HeatCell:
    """Return a cell of the heat map.

    Args:
        name: The row's name.
        line: The line of the survey.
        cell: The card's cell of the same runs; None for a line on an older version of the probe.
        probe: The class of the line's probe, None if it is not installed.
        shared: Parameters of the trainer that most runs share.
    """
    is_old = not is_current(line.version, probe)
    word = next((word for word in Word if word.value == line.verdict), Word.LEARNED)
    along = cell.along if cell is not None else None
    curve = along if along and len(along.points) > 1 else None
    return HeatCell(
        verdict=line.verdict,
        word=word,
        tone=GREY if is_old else TONES.get(word, GREY),
        score=None if is_old else line.normalised,
        shown=BELOW if (line.normalised or 0) < 0 else format_percent(line.normalised),
        version=line.version if is_old else "",
        title=f"{name}: {line.property}",
        facts=dict(list_facts(line, cell, probe, shared)),
        curve=draw_polyline(curve) if curve else "",
        curve_label=describe_curve(curve) if curve else "",
    )


def list_facts(
    line: SurveyRow, cell: Cell | None, probe: Any, shared: Sequence[tuple[str, Value]]
) -> Iterator[tuple[str, str]]:
    """Yield the details of a cell: label and text."""
    plain_verdict = f"{line.verdict} ({line.why})" if line.why else line.verdict
    yield "verdict", str(cell.verdict) if cell is not None else plain_verdict
    yield "score", format_percent(line.normalised)
    if line.low is not None:
        ends = " to ".join(dict.fromkeys(map(format_percent, (line.low, line.high))))
        interval = cell.headline.interval if cell is not None else None
        yield "interval", f"{ends}, at {format_confidence(interval.confidence)}" if interval else ends
    if cell is None:
        yield "seeds", str(line.seeds)
    else:
        yield "seeds", ", ".join(f"{run.seed}: {format_percent(run.place)}" for run in cell.done)
        if cell.failed:
            yield "failed", ", ".join(str(run.seed) for run in cell.failed)
        yield "training score", format_percent(cell.headline.trained)
    yield "probe", f"{line.probe}, {line.scale}, version {describe_version(line.version, probe)}"
    yield "structure", line.structure
    yield "recipe", shorten_recipe(line.recipe, shared)
    yield "parameters", f"{line.parameters:,}"
    yield "FLOPs per item", format_flops(line.flops)
    yield "training", format_duration(line.seconds)


def find_shared_parameters(trainers: Sequence[str]) -> list[tuple[str, Value]]:
    """Return the parameters of trainers that are the same in more than half of the runs."""
    counts = Counter(param for text in trainers for param in parse_term(text).params)
    return [param for param, count in sorted(counts.items(), key=str) if 2 * count > len(trainers)]


def shorten_recipe(trainer: str, shared: Sequence[tuple[str, Value]]) -> str:
    """Return a trainer without the parameters that most runs share."""
    term = parse_term(trainer)
    return str(Term(term.name, tuple(param for param in term.params if param not in shared)))


def draw_polyline(curve: DifficultyCurve) -> str:
    """Return a difficulty curve as the points of an SVG polyline, one equal step per bin."""
    means = [point.mean for point in curve.points]
    low, high = min(*means, 0.0), max(*means, 1.0)
    step = WIDTH / (len(means) - 1)
    heights = [HEIGHT * (high - mean) / (high - low) for mean in means]
    return " ".join(f"{index * step:.0f},{height:.1f}" for index, height in enumerate(heights))


def describe_curve(curve: DifficultyCurve) -> str:
    """Return a difficulty curve in words: its axis, and the scores at its ends."""
    first, last = curve.points[0], curve.points[-1]
    return (
        f"Score by {curve.axis}, from {first.start:g} to {last.stop:g} {curve.unit}: "
        f"{first.mean:.3g} at the easiest, {last.mean:.3g} at the hardest; {curve.better} is better."
    )
