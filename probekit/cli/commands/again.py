"""`probekit again` runs a stored specification again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import DeviceOption, StoreOption
from probekit.plugin.errors import UsageError
from probekit.terminal.messages import print_info

if TYPE_CHECKING:
    from probekit.plans.plan import Plan


def run_again(
    stored: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of a stored run, or its spec.json.")
    ],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Execute the Python files that the specification names.")
    ] = False,
    device: DeviceOption = None,
    store: StoreOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run even if a result is stored; the stored one is kept.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of results.")] = False,
) -> None:
    """Run the specification of a stored run again, yours or someone else's.

    A note says which components have changed since. A specification may name a Python file, for example
    ./net.py:Net. That file is executed only with --allow-code, and only if it has not changed.

    Example: probekit again probekit-runs/nonlocality-unet-quick-s0-0123456789ab
    """
    from probekit.cli.commands.run import print_report
    from probekit.cli.rows import event_row
    from probekit.cli.schedule import make_schedule
    from probekit.plans.job import make_job
    from probekit.plans.stored_plan import check_code, list_changes, list_code
    from probekit.storage.store import Store
    from probekit.terminal.follow import follow_schedule, make_interrupted

    stored_plan = read_plan(stored)
    files = list_code(stored_plan)
    if files and not allow_code:
        raise UsageError(
            f"running {stored} again",
            f"the specification names Python files: {', '.join(files)}",
            "Read these files, then add --allow-code.",
        )
    check_code(stored_plan)
    job = make_job(stored_plan.spec, registry())
    for component in list_changes(stored_plan, job.plan):
        print_info(f"{component} has changed since, so this is a different run.")
    run_store = Store(store)
    done = follow_schedule(make_schedule(run_store, device=device, force=force), [job], registry())
    print_report([event_row(event) for event in done.events], as_json, run_store, done.outcomes)
    if done.interruption:
        raise make_interrupted(done.interruption, " without --force" if force else "")
    if not done.count("done", "stored"):
        raise typer.Exit(1)


def read_plan(stored: Path) -> Plan:
    """Return the plan in a run's folder or spec.json.

    Raises:
        UsageError: there is none.
    """
    from probekit.storage.folder import SPEC, read_plan

    path = stored / SPEC if os.path.isdir(stored) else stored
    if not os.path.exists(path):
        reason = (
            f"this folder contains no {SPEC}" if os.path.isdir(stored) else "there is no such file or folder"
        )
        raise UsageError(f"running {stored} again", reason, "`probekit runs` lists the folders of all runs.")
    return read_plan(path)
