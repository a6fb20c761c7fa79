"""`probekit plugins` says what opened, from where, and how long it took."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from probekit.catalog.plugins import PluginRecord
from probekit.catalog.registry import registry
from probekit.cli.messages import note, tell
from probekit.cli.table import print_json, print_table


def plugins(
    trace: Annotated[bool, typer.Option("--trace", help="Add the tracebacks of what was set aside.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the plugins: where each comes from, what it registered, how long it took to open.

    A plugin that cannot be opened is set aside and stops nothing; PROBEKIT_SKIP=name,name leaves plugins out.

    Example: probekit plugins --trace
    """
    records = registry().plugins
    if as_json:
        facts = [dataclasses.asdict(record) | {"state": _state(record)} for record in records]
        hidden = () if trace else ("trace",)
        shown = [{key: value for key, value in fact.items() if key not in hidden} for fact in facts]
        print_json(shown)
    else:
        heads = ["name", "distribution", "version", "components", "ms", "state"]
        print_table("", heads, [_row(record) for record in records])
        for record in records:
            if trace and record.error:
                tell(f"{record.name} ({record.value}), set aside after {1000 * record.seconds:.1f} ms")
                tell(record.trace)
    for complaint in registry().complaints:
        note(complaint)


def _row(record: PluginRecord) -> list[str]:
    took = f"{1000 * record.seconds:.1f}"
    return [record.name, record.distribution, record.version, str(record.components), took, _state(record)]


def _state(record: PluginRecord) -> str:
    if record.error:
        return f"set aside: {record.error}"
    return "skipped" if record.skipped else "ok"
