"""Replaying takes the first steps of stored runs again and says whether they would be reused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import console, near, say, still, tell
from probekit.cli.options import Device
from probekit.cli.table import print_json, print_table
from probekit.errors import StoreError, UsageError

if TYPE_CHECKING:
    from probekit.storage.store import Store

HEADS = ("run", "state", "why")


def replay_store(store: Store, everything: bool, allow_code: bool, as_json: bool) -> None:
    """Replay the runs of a store; exit 1 where one of them no longer comes out the same.

    everything: replay runs of released components too. allow_code: run the files that runs name.
    """
    from rich.progress import track

    from probekit.plans.stored import code_in
    from probekit.runs.holds import Holding, check_run
    from probekit.runs.machine import chosen_device

    device, rows = chosen_device(None), list[dict[str, str]]()
    runs = list(store.results())
    for folder, result in track(runs, "replaying", console=console(), transient=True, disable=still()):
        if isinstance(result, StoreError):
            holding = Holding("unknown", result.found)
        elif code_in(result.plan) and not allow_code:
            holding = Holding("unknown", "it names code to run; type --allow-code once you have read it")
        else:
            try:
                holding = check_run(folder, result, registry(), device, everything)
            except StoreError as error:
                holding = Holding("differs", error.found)
        rows.append({"run": str(near(folder.path)), "state": holding.state, "why": holding.why})
    states = Counter(row["state"] for row in rows)
    if as_json:
        print_json(rows)
    else:
        if shown := [row for row in rows if row["state"] not in ("holds", "pinned")]:
            print_table("", HEADS, [[row[name] for name in HEADS] for row in shown])
        counts = ", ".join(
            f"{states[state]} {words}"
            for state, words in (
                ("holds", "would come out the same"),
                ("pinned", "rest on releases alone"),
                ("differs", "would differ"),
                ("unknown", "could not be judged"),
            )
            if states[state]
        )
        tell(f"{len(rows)} runs in {near(store.root)}: {counts or 'none'}.")
    if states["differs"]:
        say("What differs is not reused: the command that made it runs it anew beside it.")
        raise typer.Exit(1)


def why(
    run: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder.")],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python files that the run names.")
    ] = False,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Say why a stored run would be reused, or not, if it were asked for again now.

    The run's first three training steps are taken again, and its weights are asked for their answers to
    sixteen test items. A run is reused where the numbers agree.

    Example: probekit why probekit-runs/nonlocality-unet-lambda-quick-s0-0123456789ab
    """
    from probekit.plans.stored import code_in
    from probekit.runs.holds import check_run
    from probekit.runs.machine import chosen_device
    from probekit.storage.folder import RESULT, Folder

    folder = Folder(run.expanduser().absolute())
    if not (folder.path / RESULT).is_file():
        missing = "there is no such folder" if not folder.path.is_dir() else "it holds no finished run"
        raise UsageError(f"why {run}", missing, "`probekit runs` lists the finished runs of a store.")
    result = folder.read_result()
    if (files := code_in(result.plan)) and not allow_code:
        hint = "Read that code; then type --allow-code."
        raise UsageError(f"why {run}", f"the run names code to run: {', '.join(files)}", hint)
    holding = check_run(folder, result, registry(), chosen_device(device), everything=False)
    spec = result.plan.spec
    if as_json:
        print_json({"folder": str(run), "state": holding.state, "why": holding.why})
        return
    words = {
        "holds": "would be reused: it was replayed, and",
        "pinned": "would be reused without a replay:",
        "differs": "would not be reused:",
        "unknown": "cannot be judged:",
    }
    asked = f"{spec.structure} on {spec.probe}, scale {spec.scale}, seed {spec.seed}"
    tell(f"{asked} {words[holding.state]} {holding.why}.")
    if holding.state == "differs":
        tell("The same command makes a new run beside it; this one is kept.")
