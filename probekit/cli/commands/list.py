"""`probekit list` lists installed components."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from probekit.catalog.registry import Registry, registry
from probekit.cli.table import print_json, print_table
from probekit.plugin.components import KINDS, Component
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.terminal.messages import print_info


def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help=f"List only this kind: one of {', '.join(KINDS)}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List installed components, all or of one kind.

    Each comes with the distribution that contains it, and its version; `probekit plugins` lists the plugins.
    If two plugins register the same name, it is listed as plugin/name. Use this longer name in commands.

    Example: probekit list layer
    """
    if kind not in (None, *KINDS):
        raise UsageError(f"the kind {kind!r}", "there is no such kind", did_you_mean(str(kind), KINDS))
    plugin_registry = registry()
    components = [component for component in plugin_registry.components() if kind in (None, component.kind)]
    name_counts = Counter((component.kind, component.name) for component in components)
    rows: list[dict[str, Any]] = [
        {
            "kind": component.kind,
            "name": component.long_name
            if name_counts[component.kind, component.name] > 1
            else component.name,
            "plugin": component.plugin,
            **read_distribution(component, plugin_registry),
            "about": component.about,
            "tags": component.tags,
            "probe": component.probe,
        }
        for component in components
    ]
    if as_json:
        print_json(rows)
        return
    for section in KINDS:
        print_section(section, [row for row in rows if row["kind"] == section])
    if not rows:
        print_info(f"No {kind or 'component'} is installed.")


def read_distribution(component: Component, plugin_registry: Registry) -> dict[str, str]:
    """Return name and version of the distribution that contains a component, "" if there is none."""
    record = plugin_registry.find_plugin(component)
    return {
        "distribution": record.distribution if record else "",
        "version": record.version if record else "",
    }


def print_section(kind: str, rows: list[dict[str, Any]]) -> None:
    """Print the components of one kind, if there are any."""
    if not rows:
        return
    columns = {
        "name": [row["name"] for row in rows],
        "of probe": [row["probe"] for row in rows],
        "from": [f"{row['distribution']} {row['version']}" for row in rows],
        "about": [row["about"] for row in rows],
        "requires": [", ".join(row["tags"]) for row in rows],
    }
    optional = ("of probe", "requires")
    columns = {head: cells for head, cells in columns.items() if head not in optional or any(cells)}
    print_table(f"{kind}s", list(columns), list(zip(*columns.values(), strict=True)))
