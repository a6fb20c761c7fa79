"""`probekit show` describes one component."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.expression import resolve_expression
from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import parse_expression
from probekit.catalog.part import Hosted, Part, find_part
from probekit.catalog.registry import Registry, registry
from probekit.catalog.signature import HOST_ARGUMENTS, describe_parameters
from probekit.catalog.terms import format_value
from probekit.cli.about_probes import describe_probe, describe_scale, list_extensions
from probekit.cli.brief import join_parameters, shorten_doc
from probekit.cli.table import print_json, print_table
from probekit.plugin.components import ADDITIONS, KINDS, Component, Kind
from probekit.plugin.errors import ProbekitError, UsageError, describe_error, did_you_mean
from probekit.plugin.interfaces import Probe
from probekit.rows.layer_summary import list_lines, list_verdicts, summarize_cost
from probekit.terminal.messages import print_output

if TYPE_CHECKING:
    from probekit.cards.tables import Table

HOST = "plain"
"""The host of layers that are typed without one."""


def show_component(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[KIND] NAME",
            help="Name of a component, after its KIND if several kinds use this name; or a structure.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe a component: its origin and parameters; for a probe, also scales, metrics and controls.

    The table "extended by" lists what plugins add to a probe.

    Of a structure of several components, such as plain+gru,transformer, it lists what is in it.

    Example: probekit show probe nonlocality
    """
    plugin_registry = registry()
    if len(words) == 1 and re.search(r"[+,(]", words[0]) and not is_file_term(words[0]):
        description = describe_structure(plugin_registry, words[0])
    else:
        description = describe_component(plugin_registry, _find_component(plugin_registry, words))
    if as_json:
        print_json({**description.facts, "doc": description.doc, **description.tables})
        return
    if description.facts.get("kind") == "layer":
        description = shorten_layer(description)
    for label, text in description.facts.items():
        print_output(f"{label + ':':<14}{text}")
    print_output(f"\n{description.doc}\n" if description.doc else "")
    for table in description.make_tables():
        print_table(table.title, table.heads, table.rows)


@dataclass(frozen=True, slots=True)
class ComponentDescription:
    """What `probekit show` prints of a component.

    Attributes:
        facts: texts by label.
        doc: the component's docstring.
        tables: rows by title of the table.
    """

    facts: dict[str, str]
    doc: str
    tables: dict[str, list[dict[str, Any]]]

    def make_tables(self) -> Iterator[Table]:
        """Yield the tables that have rows, with all cells as text."""
        from probekit.cards.tables import Table

        for title, rows in self.tables.items():
            if rows:
                texts = tuple(tuple(_format_cell(cell) for cell in row.values()) for row in rows)
                yield Table(title, tuple(rows[0]), texts)


def shorten_layer(description: ComponentDescription) -> ComponentDescription:
    """Return the description of a layer with its parameters in one line, to leave room for its verdicts."""
    left_out = ("plugin", "distribution")  # the address names the package
    facts = {label: text for label, text in description.facts.items() if label not in left_out}
    facts["parameters"] = join_parameters(description.tables["parameters"])
    return ComponentDescription(facts, shorten_doc(description.doc), {"survey": description.tables["survey"]})


def describe_component(plugin_registry: Registry, component: Component) -> ComponentDescription:
    """Return the description of a component."""
    target = plugin_registry.load_target(component)
    owner = plugin_registry.find_plugin(component)
    facts = {
        "kind": component.kind,
        "name": component.name,
        "plugin": component.plugin,
        "distribution": f"{owner.distribution} {owner.version}".strip() if owner else "",
        "address": component.target if isinstance(component.target, str) else repr(component.target),
        "about": component.about,
        "source": (inspect.getdoc(inspect.getmodule(target)) or "").partition("\n\n")[0].replace("\n", " "),
    }
    parameters = describe_parameters(target, HOST_ARGUMENTS[component.kind])
    tables = {"parameters": [parameter._asdict() for parameter in parameters]}
    if component.kind == "probe":
        probe = _make_probe(component, target)
        facts |= {"property": probe.property, "version": str(probe.version), "structure": probe.structure}
        tables |= describe_probe(probe)
        tables["extended by"] = list(list_extensions(component, plugin_registry))
    if component.kind in ADDITIONS:
        facts["of probe"] = component.probe
    if component.kind == "scale":
        tables["scale"] = [describe_scale(find_part("scale", component.long_name, plugin_registry).make())]
    if component.kind == "layer":
        lines = list_lines(component.name, plugin_registry)
        facts["cost"] = summarize_cost(component, lines)
        tables["survey"] = list_verdicts(lines)
    return ComponentDescription(facts, inspect.getdoc(target) or "", tables)


def describe_structure(plugin_registry: Registry, text: str) -> ComponentDescription:
    """Return what is in a structure, or in layers that are typed without a host."""
    expression = resolve_expression(text, HOST, plugin_registry)
    if expression.hosted is None:
        hosted_rows, host = [], ""
    else:
        is_typed = len(parse_expression(text)) > len(expression.hosted.parts)
        host = expression.structure.display_name if is_typed else ""
        hosted_rows = list(_list_hosted(expression.hosted, host))
    rows = [("", expression.structure)] * (host != "" or not hosted_rows) + hosted_rows
    parts = [
        {
            "kind": part.component.kind,
            "name": part.display_name,
            "in": container,
            "parameters": part.params,
            "about": part.component.about,
        }
        for container, part in rows
    ]
    return ComponentDescription({"structure": expression.text}, "", {"parts": parts})


def _list_hosted(hosted: Hosted, container: str) -> Iterator[tuple[str, Part]]:
    """Yield the parts of a layer or combinator, each with the name of what contains it."""
    yield container, hosted.layer
    for inner in hosted.layer.layers:
        yield from _list_hosted(inner, hosted.layer.display_name)
    if hosted.encoding is not None:
        yield hosted.layer.display_name, hosted.encoding


def _find_component(plugin_registry: Registry, words: list[str]) -> Component:
    """Return the component that `[KIND] NAME` names; raise UsageError if there is none or more than one."""
    if len(words) > 2:
        raise UsageError(
            f"show {' '.join(words)}", "show takes a kind and a name", "Try `probekit show layer lambda`."
        )
    name = words[-1]
    if len(words) == 2:
        kind = next((kind for kind in KINDS if kind == words[0]), None)
        if kind is None:
            raise UsageError(f"the kind {words[0]!r}", "there is no such kind", did_you_mean(words[0], KINDS))
        return plugin_registry.find_component(kind, name)
    kinds: list[Kind] = sorted(plugin_registry.kinds_of(name))
    if len(kinds) > 1:
        commands = " or ".join(f"`probekit show {kind} {name}`" for kind in kinds)
        raise UsageError(f"show {name}", f"this is the name of a {' and a '.join(kinds)}", f"Try {commands}.")
    if not kinds:
        names = [item.long_name if "/" in name else item.name for item in plugin_registry.components()]
        raise UsageError(f"show {name}", "there is no such component", did_you_mean(name, names))
    return plugin_registry.find_component(kinds[0], name)


def _make_probe(component: Component, target: Any) -> Probe:
    """Make a probe with its default parameters, on which its metrics may depend."""
    try:
        probe: Probe = target()
    except Exception as error:
        raise ProbekitError(
            f"probe {component.name!r}",
            f"it cannot be made with its default parameters ({describe_error(error)})",
            "Fix the plugin.",
        ) from error
    return probe


def _format_cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={format_value(item)}" for key, item in value.items())
    return "" if value is None else str(value)
