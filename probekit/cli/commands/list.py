"""`probekit list` says what is installed."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import note
from probekit.cli.table import print_json, print_table
from probekit.components import KINDS
from probekit.errors import UsageError, did_you_mean


def list_components(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is installed, or the components of one kind.

    A name that two plugins register is shown as plugin/name, which is how to ask for it.

    Example: probekit list layer
    """
    if kind not in (None, *KINDS):
        raise UsageError(f"the kind {kind!r}", "there is no such kind", did_you_mean(str(kind), KINDS))
    found = [component for component in registry().components() if kind in (None, component.kind)]
    times = Counter((component.kind, component.name) for component in found)
    shown: list[dict[str, Any]] = [
        {
            "kind": component.kind,
            "name": component.long_name if times[component.kind, component.name] > 1 else component.name,
            "plugin": component.plugin,
            "about": component.about,
            "tags": component.tags,
        }
        for component in found
    ]
    if as_json:
        print_json(shown)
        return
    for one in KINDS:
        some = [c for c in shown if c["kind"] == one]
        heads = ["name", "plugin", "about", *(["takes"] if any(c["tags"] for c in some) else [])]
        rows = [[c["name"], c["plugin"], c["about"], ", ".join(c["tags"])][: len(heads)] for c in some]
        if rows:
            print_table(f"{one}s", heads, rows)
    if not shown:
        note(f"No {kind or 'component'} is installed.")
