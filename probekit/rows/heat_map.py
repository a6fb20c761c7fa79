"""A heat map sorts a card of the survey into rows and cells, with the details that open on a click."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell
from probekit.cards.formatting import format_confidence, format_duration, format_flops, format_percent
from probekit.catalog.grammar import Term, normalize_expression, parse_term
from probekit.catalog.registry import Registry
from probekit.catalog.terms import format_value
from probekit.evidence.words import Word
from probekit.pages.page import render_template
from probekit.plugin.declarations import Value
from probekit.plugin.errors import ProbekitError
from probekit.rows.cells import Row
from probekit.rows.layers import COST, NOT_STATED, SHIPPED, find_layer, make_card_of_rows
from probekit.storage.difficulty_curve import DifficultyCurve

FAMILIES = SHIPPED / "families.csv"
"""The family of each layer of the survey."""
NETWORKS, OTHERS = "networks without a layer", "others"
TONES = {
    Word.HAS: "good",
    Word.PARTLY: "middle",
    Word.LEARNED: "middle",
    Word.COVARIANT: "middle",
    Word.LACKS: "bad",
    Word.FITS: "bad",
}
"""The colour of each verdict; the rest say nothing of the property and are grey."""
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
        score: The normalised score; None if it is undefined.
        shown: The same as it stands in the cell.
        title: Structure, property and probe.
        facts: Details by label.
        curve: Points of the difficulty curve as an SVG polyline, "" without a curve.
        curve_label: The curve in words.
    """

    verdict: str
    word: Word
    tone: str
    score: float | None
    shown: str
    title: str
    facts: dict[str, str]
    curve: str
    curve_label: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A structure: its family, its cost, and a cell per column, None where it was not measured."""

    name: str
    family: str
    growth: str
    parameters: int
    flops: int | None
    cells: tuple[HeatCell | None, ...]


def render_survey(rows: Sequence[Row], registry: Registry) -> str:
    """Return the survey of these rows as an HTML page.

    Args:
        rows: The runs.
        registry: The installed components.

    Raises:
        StoreError: No run can be counted.
    """
    card = make_card_of_rows(rows, registry)
    trainers = {row.result.plan.identity: row.result.plan.trainer for row in rows}
    shared = find_shared_parameters(list(trainers.values()))
    recipes = {identity: shorten_recipe(text, shared) for identity, text in trainers.items()}
    heat_rows = make_heat_rows(card, recipes, registry)
    runs = sum(len(cell.runs) for column in card.columns for cell in column.cells)
    stated = ", ".join(f"{name}={format_value(value)}" for name, value in shared)
    return render_template("survey", columns=card.columns, rows=heat_rows, runs=runs, recipe=stated)


def make_heat_rows(card: Card, recipes: Mapping[str, str], registry: Registry) -> list[HeatRow]:
    """Return the rows of a card of the survey, by family and name; recipes: by the identity of a run."""
    cells: dict[str, dict[int, Cell]] = {}
    for index, column in enumerate(card.columns):
        host = find_host(column, registry)
        for cell in column.cells:
            if cell.done:
                cells.setdefault(strip_host(cell.structure, host), {})[index] = cell
    families = read_families()
    abouts = {component.name: component.about for component in registry.components("layer")}
    rows = []
    for name, by_column in cells.items():
        layer = find_layer(next(iter(by_column.values())).resolved, registry)
        growth = COST.search(abouts.get(layer, ""))
        flops = [cell.flops for cell in by_column.values() if cell.flops]
        heat_cells = [
            make_heat_cell(name, by_column[index], column, recipes) if index in by_column else None
            for index, column in enumerate(card.columns)
        ]
        rows.append(
            HeatRow(
                name=name,
                family=families.get(layer, OTHERS) if layer else NETWORKS,
                growth=growth[0] if growth else NOT_STATED,
                parameters=int(median(cell.parameters for cell in by_column.values())),
                flops=int(median(flops)) if flops else None,
                cells=tuple(heat_cells),
            )
        )
    return sorted(rows, key=lambda row: (row.family, row.name))


def make_heat_cell(name: str, cell: Cell, column: Column, recipes: Mapping[str, str]) -> HeatCell:
    """Return a cell of the heat map."""
    curve = cell.along if cell.along and len(cell.along.points) > 1 else None
    return HeatCell(
        verdict=cell.verdict.text,
        word=cell.verdict.word,
        tone=TONES.get(cell.verdict.word, "grey"),
        score=cell.headline.place,
        shown=BELOW if (cell.headline.place or 0) < 0 else format_percent(cell.headline.place),
        title=f"{name}: {column.property}",
        facts=dict(list_facts(cell, column, recipes)),
        curve=draw_polyline(curve) if curve else "",
        curve_label=describe_curve(curve) if curve else "",
    )


def list_facts(cell: Cell, column: Column, recipes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the details of a cell: label and text."""
    score = cell.headline
    yield "verdict", str(cell.verdict)
    yield "score", format_percent(score.place)
    if score.reach is not None and cell.estimate is not None and score.interval is not None:
        level = format_confidence(score.interval.confidence)
        ends = dict.fromkeys(map(format_percent, score.reach))
        yield "interval", f"{' to '.join(ends)}, at {level}"
    yield "seeds", ", ".join(f"{run.seed}: {format_percent(run.place)}" for run in cell.done)
    if cell.failed:
        yield "failed", ", ".join(str(run.seed) for run in cell.failed)
    yield "training score", format_percent(score.trained)
    yield "probe", f"{column.title}, version {column.version}"
    yield "structure", cell.structure
    yield "recipe", recipes[cell.done[0].identity]
    yield "parameters", f"{cell.parameters:,}"
    yield "FLOPs per item", format_flops(cell.flops)
    yield "training", format_duration(cell.seconds)


def find_host(column: Column, registry: Registry) -> str:
    """Return the host of a column's probe, "" if the probe is not installed."""
    try:
        probe = registry.load_target(registry.find_component("probe", parse_term(column.probe).name))
    except ProbekitError:
        return ""
    return str(getattr(probe, "structure", ""))


def strip_host(structure: str, host: str) -> str:
    """Return a structure without the host of its probe, so that a layer has one row on all probes."""
    normalized = normalize_expression(host) if host else ""
    return structure.removeprefix(f"{normalized}+") if normalized else structure


def read_families() -> dict[str, str]:
    """Return the family of each layer of the survey."""
    with FAMILIES.open(encoding="utf-8", newline="") as file:
        return {line["layer"]: line["family"] for line in csv.DictReader(file)}


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
