"""A heat map sorts the survey into rows by family and columns by property."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any, NamedTuple

from probekit.cards.cell import Cell
from probekit.catalog.grammar import normalize_expression, parse_term
from probekit.catalog.registry import Registry
from probekit.catalog.terms import format_value
from probekit.pages.page import render_template
from probekit.plugin.declarations import Value
from probekit.rows.cells import Row
from probekit.rows.growth import POSITIONS, Growth
from probekit.rows.heat_cell import HeatCell, find_shared_parameters, make_heat_cell
from probekit.rows.layers import SHIPPED, SurveyRow, judge_rows, list_old_lines
from probekit.rows.versions import find_probe

FAMILIES = SHIPPED / "families.csv"
"""The family of each layer of the survey."""
NETWORKS, OTHERS = "networks without a layer", "others"


class HeatColumn(NamedTuple):
    """A column of the heat map: a probe at a scale, of any version.

    Attributes:
        property: The property that the probe tests.
        probe, scale: The probe as requested, and the scale.
        about: The line about the probe, "" if it is not installed.
    """

    property: str
    probe: str
    scale: str
    about: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A structure: its family, its cost, and a cell per column, None where it was not measured."""

    name: str
    family: str
    growth: Growth
    parameters: int
    flops: int | None
    cells: tuple[HeatCell | None, ...]


def render_survey(rows: Sequence[Row], registry: Registry, former: Sequence[SurveyRow] = ()) -> str:
    """Return the survey of these rows as an HTML page.

    Args:
        rows: The runs. Those on another version of a probe than is installed are left out.
        registry: The installed components.
        former: Lines of a survey; those on older versions stand, in grey, where rows have none.

    Raises:
        StoreError: No run can be counted.
    """
    judged: dict[SurveyRow, Cell | None] = dict(judge_rows(rows, registry))
    judged |= dict.fromkeys(list_old_lines(former, list(judged), registry))
    shared = find_shared_parameters([line.recipe for line in judged])
    columns = list_columns(judged, registry)
    heat_rows = make_heat_rows(judged, columns, registry, shared)
    families = [(family, list(members)) for family, members in groupby(heat_rows, lambda row: row.family)]
    return render_template(
        "survey",
        columns=columns,
        families=families,
        runs=sum(line.seeds for line in judged),
        recipe=", ".join(f"{name}={format_value(value)}" for name, value in shared),
        positions=POSITIONS,
        is_old=any(cell and cell.version for row in heat_rows for cell in row.cells),
    )


def list_columns(lines: Mapping[SurveyRow, Any], registry: Registry) -> list[HeatColumn]:
    """Return the columns of these lines, by property."""
    abouts = {component.name: component.about for component in registry.components("probe")}
    columns = {
        HeatColumn(line.property, line.probe, line.scale, abouts.get(parse_term(line.probe).name, ""))
        for line in lines
    }
    return sorted(columns)


def make_heat_rows(
    judged: Mapping[SurveyRow, Cell | None],
    columns: Sequence[HeatColumn],
    registry: Registry,
    shared: Sequence[tuple[str, Value]],
) -> list[HeatRow]:
    """Return the rows of a survey, by family and name.

    Args:
        judged: The lines, each with its cell on a card; None for lines on older versions.
        columns: The columns of the page.
        registry: The installed components.
        shared: Parameters of the trainer that most runs share.
    """
    indices = {(column.probe, column.scale): index for index, column in enumerate(columns)}
    probes = {line.probe: find_probe(line.probe, registry) for line in judged}
    lines: dict[str, list[SurveyRow]] = {}
    for line in judged:
        host = str(getattr(probes[line.probe], "structure", ""))
        lines.setdefault(strip_host(line.structure, host), []).append(line)
    families, rows = read_families(), []
    for name, members in lines.items():
        cells: list[HeatCell | None] = [None] * len(columns)
        for line in members:
            heat_cell = make_heat_cell(name, line, judged[line], probes[line.probe], shared)
            cells[indices[line.probe, line.scale]] = heat_cell
        first, flops = members[0], [line.flops for line in members if line.flops]
        rows.append(
            HeatRow(
                name=name,
                family=families.get(first.layer, OTHERS) if first.layer else NETWORKS,
                growth=Growth(first.flops_exponent, first.memory_exponent),
                parameters=int(median(line.parameters for line in members)),
                flops=int(median(flops)) if flops else None,
                cells=tuple(cells),
            )
        )
    return sorted(rows, key=lambda row: (row.family in (NETWORKS, OTHERS), row.family, row.name))


def strip_host(structure: str, host: str) -> str:
    """Return a structure without the host of its probe, so that a layer has one row on all probes."""
    normalized = normalize_expression(host) if host else ""
    return structure.removeprefix(f"{normalized}+") if normalized else structure


def read_families() -> dict[str, str]:
    """Return the family of each layer of the survey."""
    with FAMILIES.open(encoding="utf-8", newline="") as file:
        return {line["layer"]: line["family"] for line in csv.DictReader(file)}
