"""`probekit again` performs what a stored specification says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import note
from probekit.errors import StoreError, UsageError


def again(
    stored: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder, or its spec.json.")],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python files that the specification names.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps.  [default: the fastest there is]")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: $PROBEKIT_HOME or ./probekit-runs]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run anew beside what is stored.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of results.")] = False,
) -> None:
    """Run a stored specification again, one's own or another's; say what it rests on that has changed.

    A specification may name a Python file, as ./net.py:Net: its code is run with --allow-code alone, and
    then only if the file is the one that was run.

    Example: probekit again probekit-runs/nonlocality-unet-quick-s0-0123456789ab
    """
    from probekit.cli.commands.run import report
    from probekit.cli.grid import carry_out_all, interrupted
    from probekit.plans.job import make_job
    from probekit.plans.plan import Plan
    from probekit.plans.stored import changed, code_in
    from probekit.storage.folder import SPEC
    from probekit.storage.store import Store

    path = stored / SPEC if stored.is_dir() else stored
    try:
        before = Plan.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"reading {path}", f"it is no specification ({type(error).__name__})") from error
    files = code_in(before)
    if files and not allow_code:
        raise UsageError(
            f"running {path} again",
            f"it names code to run: {', '.join(files)}",
            "Read that code; then type --allow-code.",
        )
    job = make_job(before.spec, registry())
    for what in changed(before, job.plan):
        note(f"{what} has changed since: this is another run.")
    rows, outcomes, stopped = carry_out_all([job], device, Store(store), force)
    report(rows, as_json, outcomes)
    if stopped:
        raise interrupted(" without --force" if force else "")
    if rows[0]["status"] != "done" and rows[0]["status"] != "stored":
        raise typer.Exit(1)
