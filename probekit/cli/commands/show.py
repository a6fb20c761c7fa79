"""`probekit show` says all there is to say about one component."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from probekit.catalog.grammar import write
from probekit.catalog.registry import Registry, registry
from probekit.catalog.signature import HANDED, describe
from probekit.cli.messages import tell
from probekit.cli.table import print_json, print_table
from probekit.components import KINDS, Component, Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean, reason
from probekit.interfaces import Probe, Scale


def show(
    words: Annotated[
        list[str], typer.Argument(metavar="[KIND] NAME", help="KIND where several kinds have it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one component: where it comes from, its parameters; of a probe, scales, metrics and controls.

    Example: probekit show probe nonlocality
    """
    known = registry()
    component = _asked(known, words)
    target = known.target(component)
    owner = known.owner(component)
    facts = {
        "kind": component.kind,
        "name": component.name,
        "plugin": component.plugin,
        "distribution": f"{owner.distribution} {owner.version}".strip() if owner else "",
        "address": component.target if isinstance(component.target, str) else repr(component.target),
        "about": component.about,
    }
    if component.kind == "probe":
        probe = _made(component, target)
        facts |= {"property": probe.property, "version": str(probe.version), "structure": probe.structure}
        tables = _of_probe(probe)
    else:
        tables = {}
    tables = {"parameters": [one._asdict() for one in describe(target, HANDED[component.kind])], **tables}
    doc = inspect.getdoc(target) or ""
    if as_json:
        print_json({**facts, "doc": doc, **tables})
        return
    for fact, text in facts.items():
        tell(f"{fact + ':':<14}{text}")
    tell(f"\n{doc}\n")
    for title, rows in tables.items():
        if rows:
            print_table(title, list(rows[0]), [[_cell(cell) for cell in row.values()] for row in rows])


def _asked(known: Registry, words: list[str]) -> Component:
    """Find what `[KIND] NAME` means."""
    if len(words) > 2:
        raise UsageError(
            f"show {' '.join(words)}", "a kind and a name were expected", "Try show layer lambda."
        )
    name = words[-1]
    if len(words) == 2:
        kind = next((kind for kind in KINDS if kind == words[0]), None)
        if kind is None:
            raise UsageError(f"the kind {words[0]!r}", "there is no such kind", did_you_mean(words[0], KINDS))
        return known.find(kind, name)
    kinds: list[Kind] = sorted(known.kinds_of(name))
    if len(kinds) > 1:
        ways = " or ".join(f"`probekit show {kind} {name}`" for kind in kinds)
        raise UsageError(f"show {name}", f"it is registered as {' and '.join(kinds)}", f"Try {ways}.")
    if not kinds:
        names = [c.long_name if "/" in name else c.name for c in known.components()]
        raise UsageError(f"show {name}", "nothing of that name is installed", did_you_mean(name, names))
    return known.find(kinds[0], name)


def _made(component: Component, target: Any) -> Probe:
    """Make the probe with its defaults, as its metrics may depend on them."""
    try:
        probe: Probe = target()
    except Exception as error:
        raise ProbekitError(
            f"probe {component.name!r}",
            f"it cannot be made with its defaults ({reason(error)})",
            "Mend its plugin.",
        ) from error
    return probe


def _of_probe(probe: Probe) -> dict[str, list[dict[str, Any]]]:
    """Return what a probe says of itself, as rows of tables."""
    return {
        "scales": [{"scale": name, **_of_scale(scale)} for name, scale in probe.scales.items()],
        "metrics": [
            {
                "metric": metric.name,
                "better": metric.better,
                "perfect": metric.perfect,
                "chance": metric.chance,
                "about": metric.about,
            }
            for metric in probe.metrics
        ],
        "noise": _noise(probe.scales),
        "controls": [
            {"control": name, "kind": "closed form" if hasattr(control, "fit") else "network"}
            for name, control in probe.controls().items()
        ],
    }


def _of_scale(scale: Scale) -> dict[str, Any]:
    return {
        "parameters": dict(scale.parameters),
        "recipe": dict(scale.recipe),
        "width": scale.width,
        "budget": scale.budget,
        "about": scale.about,
    }


def _noise(scales: Mapping[str, Scale]) -> list[dict[str, Any]]:
    """Return a row for each metric that was measured, with what it varies by at each scale."""
    known = {metric: None for scale in scales.values() for metric in scale.noise}
    return [
        {"metric": metric, **{name: scale.noise.get(metric) for name, scale in scales.items()}}
        for metric in known
    ]


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={write(one)}" for key, one in value.items())
    return "" if value is None else str(value)
