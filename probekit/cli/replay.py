"""`probekit why` and `probekit store replay`: repeat the first steps of stored runs and compare."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import DeviceOption
from probekit.cli.table import print_json, print_table
from probekit.plugin.errors import StoreError, UsageError
from probekit.terminal.messages import print_error, print_output, relative_path, track_items

if TYPE_CHECKING:
    from probekit.storage.store import Store

HEADS = ("run", "state", "why")
COUNTED = {
    "holds": "give the same result",
    "pinned": "depend only on released versions",
    "differs": "give a different result",
    "unknown": "cannot be compared",
}
"""By state, how a summary counts runs."""
EXPLAINED = {
    "holds": "would be reused: it was replayed, and",
    "pinned": "would be reused without a replay:",
    "differs": "would not be reused:",
    "unknown": "cannot be compared:",
}
"""By state, how a sentence about one run goes on."""


def replay_store(store: Store, everything: bool, allow_code: bool, as_json: bool) -> None:
    """Replay the runs of a store and print the runs that give a different result.

    Args:
        store: the store.
        everything: also replay runs whose components are all released versions.
        allow_code: execute the Python files that runs name.
        as_json: print JSON.

    Raises:
        typer.Exit: with code 1 if a run gives a different result.
    """
    from probekit.plans.stored_plan import list_code
    from probekit.runs.machine import choose_device
    from probekit.runs.replay_check import ReplayStatus, check_run

    device, rows = choose_device(None), list[dict[str, str]]()
    for folder, result in track_items(store.read_results(), "replaying"):
        if isinstance(result, StoreError):
            holding = ReplayStatus("unknown", result.problem)
        elif list_code(result.plan) and not allow_code:
            holding = ReplayStatus("unknown", "it names Python files; read them, then add --allow-code")
        else:
            try:
                holding = check_run(folder, result, registry(), device, everything)
            except StoreError as error:
                holding = ReplayStatus("differs", error.problem)
        rows.append({"run": str(relative_path(folder.path)), "state": holding.state, "why": holding.why})
    states = Counter(row["state"] for row in rows)
    if as_json:
        print_json(rows)
    else:
        if listed := [row for row in rows if row["state"] not in ("holds", "pinned")]:
            print_table("", HEADS, [[row[head] for head in HEADS] for row in listed])
        counts = ", ".join(f"{states[state]} {text}" for state, text in COUNTED.items() if states[state])
        print_output(f"{len(rows)} runs in {relative_path(store.root)}: {counts or 'none'}.")
    if states["differs"]:
        print_error(
            "A run that gives a different result is not reused; the command that made it makes a new run."
        )
        raise typer.Exit(1)


def explain_reuse(
    run: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a stored run.")],
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Execute the Python files that the run names.")
    ] = False,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Explain why a stored run would, or would not, be reused.

    Repeats the first three training steps of the run and evaluates its stored weights on sixteen test items.
    If the numbers agree with the stored ones, the run is reused.

    Example: probekit why probekit-runs/nonlocality-unet-lambda-quick-s0-0123456789ab
    """
    from probekit.plans.stored_plan import list_code
    from probekit.runs.machine import choose_device
    from probekit.runs.replay_check import check_run
    from probekit.storage.folder import RESULT, Folder

    folder = Folder(run.expanduser().absolute())
    if not (folder.path / RESULT).is_file():
        reason = (
            "there is no finished run in this folder" if folder.path.is_dir() else "there is no such folder"
        )
        raise UsageError(f"why {run}", reason, "`probekit runs` lists stored runs.")
    result = folder.read_result()
    if (files := list_code(result.plan)) and not allow_code:
        reason = f"the run names Python files: {', '.join(files)}"
        raise UsageError(f"why {run}", reason, "Read these files, then add --allow-code.")
    holding = check_run(folder, result, registry(), choose_device(device), everything=False)
    if as_json:
        print_json({"folder": str(run), "state": holding.state, "why": holding.why})
        return
    spec = result.plan.spec
    name = f"{spec.structure} on {spec.probe}, scale {spec.scale}, seed {spec.seed}"
    print_output(f"{name} {EXPLAINED[holding.state]} {holding.why}.")
    if holding.state == "differs":
        print_output("The same command makes a new run and keeps this one.")
