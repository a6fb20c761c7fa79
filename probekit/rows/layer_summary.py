"""What the shipped survey says of one layer: its verdicts, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from probekit.cards.formatting import format_duration, format_flops, format_percent
from probekit.catalog.grammar import normalize_expression
from probekit.catalog.registry import Registry
from probekit.plugin.components import Component
from probekit.rows.growth import POSITIONS, UNKNOWN, Growth, read_growths
from probekit.rows.layers import SurveyRow, find_growth, read_survey
from probekit.rows.versions import describe_version, find_probe


def list_lines(layer: str, registry: Registry) -> dict[SurveyRow, Any]:
    """Return the lines of the shipped survey of a layer with its default parameters, one per probe.

    Each has the class of its probe, None if that is not installed.
    """
    lines = (line for line in read_survey() if line.layer == layer)
    probes = ((line, find_probe(line.probe, registry)) for line in lines)
    return {line: probe for line, probe in probes if is_in_own_host(line, probe)}


def list_verdicts(lines: Mapping[SurveyRow, Any]) -> list[dict[str, str | int]]:
    """Return what lines of the survey, each with the class of its probe, say of properties."""
    return [
        {
            "property": line.property,
            "verdict": line.verdict,
            "normalised": format_normalised(line),
            "seeds": line.seeds,
            "probe": f"{line.probe}, {line.scale}",
            "version": describe_version(line.version, probe),
        }
        for line, probe in lines.items()
    ]


def list_costs(lines: Iterable[SurveyRow]) -> list[dict[str, str]]:
    """Return what the networks of lines of the survey cost: the layer in the probe's own host."""
    return [
        {
            "probe": f"{line.probe}, {line.scale}",
            "parameters": f"{line.parameters:,}",
            "FLOPs per item": format_flops(line.flops),
            "training": format_duration(line.seconds),
        }
        for line in lines
    ]


def summarize_cost(layer: Component, lines: Collection[SurveyRow]) -> str:
    """Return the cost of a layer in a sentence: its growth, and the range over lines of the survey."""
    text = find_growth(layer.about)
    if counted := describe_exponents(read_growths().get(layer.name, UNKNOWN)):
        text += f" ({counted}, from {POSITIONS})"
    parameters = [f"{count:,}" for count in sorted(line.parameters for line in lines)]
    flops = [format_flops(count) for count in sorted(line.flops or 0 for line in lines)]
    if not parameters:
        return text
    ranges = f"{format_range(parameters)} parameters, {format_range(flops)} FLOPs per item"
    return f"{text}; in the survey's networks {ranges}"


def describe_exponents(growth: Growth) -> str:
    """Return the exponents of a layer in words, "" without any."""
    exponents = {"FLOPs": growth.flops, "memory": growth.memory}
    return ", ".join(f"{name} as N^{value:g}" for name, value in exponents.items() if value is not None)


def format_range(texts: Sequence[str]) -> str:
    """Return the first and the last of sorted numbers as a range."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def is_in_own_host(line: SurveyRow, probe: Any) -> bool:
    """Return whether a line is of a layer with its default parameters in the host of its probe's class."""
    structure = normalize_expression(line.structure)
    host = getattr(probe, "structure", "")
    return structure in (line.layer, normalize_expression(f"{host}+{line.layer}") if host else line.layer)


def format_normalised(line: SurveyRow) -> str:
    """Return a line's normalised score with its judged interval, in per cent."""
    score, low, high = map(format_percent, (line.normalised, line.low, line.high))
    return score if line.low is None or low == high == score else f"{score} ({low} to {high})"
