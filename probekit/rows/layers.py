"""The survey of layers: one line per layer and probe with the verdict, as it is shipped or made of rows."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from probekit.cards.assemble import make_card
from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell
from probekit.cards.formatting import format_percent
from probekit.catalog.grammar import normalize_expression, parse_expression, parse_term
from probekit.catalog.registry import Registry
from probekit.catalog.terms import walk_terms
from probekit.plain import escape_cell
from probekit.plugin.errors import ProbekitError
from probekit.rows.cells import Row
from probekit.rows.transfer import write_scratch_run
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


NUMBERS = ("normalised", "low", "high", "seconds")
WHOLE = ("seeds", "parameters", "flops")


def make_survey(rows: Sequence[Row], registry: Registry) -> list[SurveyRow]:
    """Return the survey of rows: their runs are judged as a card judges them.

    Args:
        rows: The runs.
        registry: The installed components.

    Raises:
        StoreError: No run can be counted.
    """
    recipes = {row.result.plan.identity: row.result.plan.trainer for row in rows}
    card = make_card_of_rows(rows, registry)
    lines = [
        make_line(cell, column, recipes, registry)
        for column in card.columns
        for cell in column.cells
        if cell.done
    ]
    return sorted(lines, key=lambda line: (line.layer, line.structure, line.property, line.probe, line.scale))


def make_card_of_rows(rows: Sequence[Row], registry: Registry) -> Card:
    """Return the card of rows; raises StoreError if no run can be counted."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for row in rows:
            write_scratch_run(store, row)
        return make_card(store, registry)


def make_line(cell: Cell, column: Column, recipes: dict[str, str], registry: Registry) -> SurveyRow:
    """Return the line of one cell; recipes: the trainers by identity of the run."""
    layer, score = find_layer(cell.resolved, registry), cell.headline
    about = next((c.about for c in registry.components("layer") if c.name == layer), "")
    cost = COST.search(about)
    low, high = score.reach if score.reach is not None and cell.estimate is not None else (None, None)
    return SurveyRow(
        layer=layer,
        structure=cell.structure,
        cost=cost[0] if cost else NOT_STATED,
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


def list_verdicts(layer: str, registry: Registry) -> list[dict[str, str | int]]:
    """Return what the shipped survey says of a layer with its default parameters, one row per probe."""
    return [
        {
            "property": line.property,
            "verdict": line.verdict,
            "normalised": format_normalised(line),
            "seeds": line.seeds,
            "probe": f"{line.probe}, {line.scale}",
            "version": describe_version(line, registry),
        }
        for line in read_survey()
        if line.layer == layer and is_in_own_host(line, registry)
    ]


def is_in_own_host(line: SurveyRow, registry: Registry) -> bool:
    """Return whether a line is of a layer with its default parameters in the probe's own host."""
    structure = normalize_expression(line.structure)
    probe = find_probe(line, registry)
    host = getattr(probe, "structure", "")
    return structure in (line.layer, normalize_expression(f"{host}+{line.layer}") if host else line.layer)


def find_probe(line: SurveyRow, registry: Registry) -> Any:
    """Return the class of a line's probe, None if it is not installed."""
    try:
        return registry.load_target(registry.find_component("probe", parse_term(line.probe).name))
    except ProbekitError:
        return None


def describe_version(line: SurveyRow, registry: Registry) -> str:
    """Return the version of a line's probe in words, and whether the installed probe is another version."""
    probe = find_probe(line, registry)
    if not hasattr(probe, "version"):
        return f"{line.version} (not installed)"
    version = str(probe.version)
    return line.version if version == line.version else f"{line.version} (old; installed: {version})"


def format_normalised(line: SurveyRow) -> str:
    """Return a line's normalised score with its judged interval, in per cent."""
    score, low, high = map(format_percent, (line.normalised, line.low, line.high))
    return score if line.low is None or low == high == score else f"{score} ({low} to {high})"
