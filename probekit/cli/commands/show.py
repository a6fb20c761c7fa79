"""`probekit show` says all there is to say about one component."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.grammar import write
from probekit.catalog.registry import Registry, registry
from probekit.catalog.signature import HANDED, describe
from probekit.cli.messages import tell
from probekit.cli.table import print_json, print_table
from probekit.components import KINDS, Component, Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean, reason
from probekit.interfaces import Probe, Scale

if TYPE_CHECKING:
    from probekit.cards.tables import Table


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
    found = shown(known, _asked(known, words))
    if as_json:
        print_json({**found.facts, "doc": found.doc, **found.tables})
        return
    for fact, text in found.facts.items():
        tell(f"{fact + ':':<14}{text}")
    tell(f"\n{found.doc}\n")
    for table in found.texts():
        print_table(table.title, table.heads, table.rows)


@dataclass(frozen=True, slots=True)
class Shown:
    """All there is to say about one component: facts, its documentation, rows of tables by title."""

    facts: dict[str, str]
    doc: str
    tables: dict[str, list[dict[str, Any]]]

    def texts(self) -> Iterator[Table]:
        """Yield the tables that have rows, as text."""
        from probekit.cards.tables import Table

        for title, rows in self.tables.items():
            if rows:
                texts = tuple(tuple(_cell(cell) for cell in row.values()) for row in rows)
                yield Table(title, tuple(rows[0]), texts)


def shown(known: Registry, component: Component) -> Shown:
    """Return what there is to say about a component."""
    target = known.target(component)
    owner = known.owner(component)
    facts = {
        "kind": component.kind,
        "name": component.name,
        "plugin": component.plugin,
        "distribution": f"{owner.distribution} {owner.version}".strip() if owner else "",
        "address": component.target if isinstance(component.target, str) else repr(component.target),
        "about": component.about,
        "source": (inspect.getdoc(inspect.getmodule(target)) or "").partition("\n\n")[0].replace("\n", " "),
    }
    tables = {"parameters": [one._asdict() for one in describe(target, HANDED[component.kind])]}
    if component.kind == "probe":
        probe = _made(component, target)
        facts |= {"property": probe.property, "version": str(probe.version), "structure": probe.structure}
        tables |= _of_probe(probe)
    return Shown(facts, inspect.getdoc(target) or "", tables)


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
