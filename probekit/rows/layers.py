"""The survey of layers: one line per layer and probe with the verdict, as it is shipped or made of rows."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from probekit.cards.assemble import make_card
from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell
from probekit.catalog.grammar import parse_expression
from probekit.catalog.registry import Registry
from probekit.catalog.terms import walk_terms
from probekit.plain import escape_cell
from probekit.rows.cells import Row
from probekit.rows.growth import UNKNOWN, read_growths
from probekit.rows.transfer import write_scratch_run
from probekit.rows.versions import find_probe, is_current
from probekit.storage.store import Store

SHIPPED = Path(__file__).parent / "survey"
ROWS, TABLE = SHIPPED / "rows.csv.xz", SHIPPED / "table.csv"
"""The runs of the shipped survey, and the verdicts that cards make of them."""
COST = re.compile(r"(linear|quadratic) in (positions|channels)|N\^[\d.]+( in 2-D)?|N log N")
"""How the line about a layer states its cost."""
NOT_STATED = "not stated"


class SurveyRow(NamedTuple):
    """The verdict on one structure with a layer, on one probe.

    Attributes:
        layer: The layer's name; "" for a structure without one.
        structure: The structure as it was requested.
        cost: How the layer's cost grows with positions, as the line about it states.
        flops_exponent, memory_exponent: The same as counted for the layer with its default parameters: FLOPs
            and saved bytes grow as the number of positions to this power. None if nothing is counted.
        property: The property that the probe tests.
        probe, version, scale: The probe as requested, the version of its data, the scale.
        verdict, why: The verdict, and a sentence on it.
        normalised, low, high: The mean normalised score and its judged interval; None if undefined.
        seeds: How many seeds were scored.
        recipe: The trainer with its parameters.
        parameters: How many numbers are trained.
        flops: Of one item's forward pass.
        seconds: Of training, mean over seeds.
    """

    layer: str
    structure: str
    cost: str
    flops_exponent: float | None
    memory_exponent: float | None
    property: str
    probe: str
    version: str
    scale: str
    verdict: str
    why: str
    normalised: float | None
    low: float | None
    high: float | None
    seeds: int
    recipe: str
    parameters: int
    flops: int | None
    seconds: float | None


NUMBERS = ("flops_exponent", "memory_exponent", "normalised", "low", "high", "seconds")
WHOLE = ("seeds", "parameters", "flops")


def make_survey(rows: Sequence[Row], registry: Registry, former: Iterable[SurveyRow] = ()) -> list[SurveyRow]:
    """Return the survey of rows: their runs are judged as a card judges them.

    Rows on another version of a probe than is installed are left out: nothing says what scores mean on them.

    Args:
        rows: The runs.
        registry: The installed components.
        former: A former survey, whose lines on older versions stay as they were judged, where rows have none.

    Raises:
        StoreError: No run can be counted.
    """
    lines = [line for line, _ in judge_rows(rows, registry)]
    lines += list_old_lines(former, lines, registry)
    return sorted(lines, key=lambda line: (line.layer, line.structure, line.property, line.probe, line.scale))


def judge_rows(rows: Sequence[Row], registry: Registry) -> Iterator[tuple[SurveyRow, Cell]]:
    """Yield the lines of rows on installed probes, each with its cell on the card of these rows.

    Raises:
        StoreError: No run can be counted.
    """
    recipes = {row.result.plan.identity: row.result.plan.trainer for row in rows}
    for column in make_card_of_rows(rows, registry).columns:
        if is_current(column.version, find_probe(column.probe, registry)):
            for cell in column.cells:
                if cell.done:
                    yield make_line(cell, column, recipes, registry), cell


def list_old_lines(
    former: Iterable[SurveyRow], lines: Iterable[SurveyRow], registry: Registry
) -> Iterator[SurveyRow]:
    """Yield lines of a former survey on versions that are not installed, without those that lines replace."""
    replaced = {(line.structure, line.probe, line.scale) for line in lines}
    for line in former:
        is_old = not is_current(line.version, find_probe(line.probe, registry))
        if is_old and (line.structure, line.probe, line.scale) not in replaced:
            yield line


def make_card_of_rows(rows: Sequence[Row], registry: Registry) -> Card:
    """Return the card of rows; raises StoreError if no run can be counted."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for row in rows:
            write_scratch_run(store, row)
        return make_card(store, registry)


def make_line(cell: Cell, column: Column, recipes: Mapping[str, str], registry: Registry) -> SurveyRow:
    """Return the line of one cell; recipes: the trainers by identity of the run."""
    layer, score = find_layer(cell.resolved, registry), cell.headline
    growth = read_growths().get(layer, UNKNOWN)
    about = next((c.about for c in registry.components("layer") if c.name == layer), "")
    low, high = score.reach if score.reach is not None and cell.estimate is not None else (None, None)
    return SurveyRow(
        layer=layer,
        structure=cell.structure,
        cost=find_growth(about),
        flops_exponent=growth.flops,
        memory_exponent=growth.memory,
        property=column.property,
        probe=column.probe,
        version=column.version,
        scale=column.scale,
        verdict=cell.verdict.text,
        why=cell.verdict.why,
        normalised=score.place,
        low=low,
        high=high,
        seeds=len(cell.done),
        recipe=recipes[cell.done[0].identity],
        parameters=cell.parameters,
        flops=cell.flops,
        seconds=cell.seconds,
    )


def find_growth(about: str) -> str:
    """Return how a layer's cost grows with positions, as the line about it states."""
    growth = COST.search(about)
    return growth[0] if growth else NOT_STATED


def find_layer(structure: str, registry: Registry) -> str:
    """Return the name of the first layer in a structure's canonical text, "" without one."""
    names = (term.name for term in walk_terms(parse_expression(structure)))
    return next((name for name in names if "layer" in registry.kinds_of(name)), "")


def encode_survey(lines: Iterable[SurveyRow]) -> str:
    """Return a survey as CSV; scores have six digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SurveyRow._fields)
    for line in lines:
        numbers = (f"{value:.6g}" if isinstance(value, float) else value for value in line)
        writer.writerow([escape_cell("" if value is None else value) for value in numbers])
    return text.getvalue()


def decode_survey(text: str) -> Iterator[SurveyRow]:
    """Yield the lines of a survey that `encode_survey` wrote."""
    for cells in csv.DictReader(io.StringIO(text, newline="")):
        values: dict[str, str | float | int | None] = dict(cells)
        values |= {name: float(cells[name]) if cells[name] else None for name in NUMBERS}
        values |= {name: int(cells[name]) if cells[name] else None for name in WHOLE}
        yield SurveyRow(**values)  # type: ignore[arg-type]


def read_survey() -> list[SurveyRow]:
    """Return the survey that is shipped with probekit."""
    return list(decode_survey(TABLE.read_text(encoding="utf-8")))
