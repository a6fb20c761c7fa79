"""`probekit plugins` lists plugins, with their origin, import time and errors."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from probekit.catalog.plugins import PluginRecord
from probekit.catalog.registry import registry
from probekit.cli.table import print_json, print_table
from probekit.terminal.messages import print_info, print_output


def list_plugins(
    trace: Annotated[
        bool, typer.Option("--trace", help="Show the traceback of each plugin that failed to load.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List plugins: their distribution, how many components they register, and how long they took to import.

    A plugin that fails to load does not affect the others. To skip plugins, set PROBEKIT_SKIP=name,name.

    Example: probekit plugins --trace
    """
    records = registry().plugins
    if as_json:
        rows = [dataclasses.asdict(record) | {"state": _describe_state(record)} for record in records]
        hidden = () if trace else ("trace",)
        print_json([{key: value for key, value in row.items() if key not in hidden} for row in rows])
    else:
        heads = ["name", "distribution", "version", "components", "ms", "state"]
        print_table("", heads, [_format_cells(record) for record in records])
        for record in records:
            if trace and record.error:
                seconds = f"{1000 * record.seconds:.1f} ms"
                print_output(f"{record.name} ({record.value}) failed to load after {seconds}")
                print_output(record.trace)
    for complaint in registry().complaints:
        print_info(complaint)


def _format_cells(record: PluginRecord) -> list[str]:
    milliseconds = f"{1000 * record.seconds:.1f}"
    return [
        record.name,
        record.distribution,
        record.version,
        str(record.components),
        milliseconds,
        _describe_state(record),
    ]


def _describe_state(record: PluginRecord) -> str:
    if record.error:
        return f"failed: {record.error}"
    return "skipped" if record.skipped else "ok"
