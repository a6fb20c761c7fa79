"""`probekit again` performs what a stored specification says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import note
from probekit.cli.options import Device, Kept
from probekit.errors import UsageError

if TYPE_CHECKING:
    from probekit.plans.plan import Plan


def again(
    stored: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder, or its spec.json.")],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python files that the specification names.")
    ] = False,
    device: Device = None,
    store: Kept = None,
    force: Annotated[bool, typer.Option("--force", help="Run anew beside what is stored.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of results.")] = False,
) -> None:
    """Run a stored specification again, one's own or another's; say what it rests on that has changed.

    A specification may name a Python file, as ./net.py:Net: its code is run with --allow-code alone, and
    then only if the file is the one that was run.

    Example: probekit again probekit-runs/nonlocality-unet-quick-s0-0123456789ab
    """
    from probekit.cli.commands.run import report
    from probekit.cli.follow import follow_schedule, make_interrupted
    from probekit.cli.rows import event_row
    from probekit.cli.schedule import make_schedule
    from probekit.plans.job import make_job
    from probekit.plans.stored import changed, code_in, hold
    from probekit.storage.store import Store

    before = specification(stored)
    files = code_in(before)
    if files and not allow_code:
        raise UsageError(
            f"running {stored} again",
            f"it names code to run: {', '.join(files)}",
            "Read that code; then type --allow-code.",
        )
    hold(before)
    job = make_job(before.spec, registry())
    for what in changed(before, job.plan):
        note(f"{what} has changed since: this is another run.")
    folder = Store(store)
    done = follow_schedule(make_schedule(folder, device=device, force=force), [job], registry())
    report([event_row(event) for event in done.events], as_json, folder, done.outcomes)
    if done.interruption:
        raise make_interrupted(done.interruption, " without --force" if force else "")
    if not done.count("done", "stored"):
        raise typer.Exit(1)


def specification(stored: Path) -> Plan:
    """Return the plan that a run's folder, or its spec.json, holds."""
    from probekit.storage.folder import SPEC, plan_in

    path = stored / SPEC if os.path.isdir(stored) else stored
    if not os.path.exists(path):
        held = f"the folder holds no {SPEC}" if os.path.isdir(stored) else "there is no such file or folder"
        raise UsageError(f"running {stored} again", held, "`probekit run` says where it keeps each run.")
    return plan_in(path)
