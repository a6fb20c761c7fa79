"""`probekit status` shows the progress of all runs in a store, whichever process carries them out."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cards.formatting import NOTHING, format_duration
from probekit.cli.options import StoreOption
from probekit.cli.table import print_json, print_table
from probekit.terminal.live import REFRESH_SECONDS, LiveDisplay, format_step
from probekit.terminal.messages import print_output, relative_path

if TYPE_CHECKING:
    from probekit.storage.folder import Folder
    from probekit.storage.phase import Phase
    from probekit.storage.result import Result
    from probekit.storage.store import Store

FIELDS = ("run", "status", "step", "left", "by")
HEADS = ("run", "status", "step", "time left", "process")
ORDER = ("running", "preempted", "lost", "queued", "failed", "unread")


def show_status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh every second until no run is running or queued.")
    ] = False,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Show how many runs are done, and the progress of each other run.

    queued: no process has started it. preempted: it was stopped and has a checkpoint. lost: its process ended
    unexpectedly. unread: its files cannot be read. To continue a run, repeat the command that started it.

    Example: probekit status --watch
    """
    from probekit.storage.store import Store

    run_store = Store(store)
    rows = read_statuses(run_store)
    if watch and not as_json:
        with LiveDisplay(lambda: summarize_statuses(rows)):
            while {"running", "queued"} & {row["status"] for row in rows}:
                time.sleep(REFRESH_SECONDS)
                rows = read_statuses(run_store)
    if as_json:
        print_json({"runs": Counter(row["status"] for row in rows), "unfinished": select_unfinished(rows)})
        return
    print_output(f"{relative_path(run_store.root)}: {summarize_statuses(rows)}")
    if unfinished := select_unfinished(rows):
        cells = [
            [NOTHING if row[field] is None else str(row[field]) for field in FIELDS] for row in unfinished
        ]
        print_table("", HEADS, cells)


def read_statuses(store: Store) -> list[dict[str, Any]]:
    """Return one row per run of a store."""
    return [read_status(folder, result) for folder, result in store.read_results()]


def read_status(folder: Folder, result: Result | Exception) -> dict[str, Any]:
    """Return the row of one run: its name, status, progress and process."""
    from probekit.storage.phase import find_unfinished

    empty = {"run": folder.path.name, "step": None, "left": None, "by": None}
    if not isinstance(result, Exception):
        return {**empty, "status": result.status}
    phase: Phase | None = find_unfinished(folder)
    if phase is None:
        return {**empty, "status": "unread"}
    time_left = None if phase.seconds_left is None else format_duration(phase.seconds_left)
    return {
        **empty,
        "status": phase.name,
        "step": format_step(phase.step, phase.steps),
        "left": time_left,
        "by": phase.owner or None,
    }


def select_unfinished(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of runs that are not done, running ones first."""
    unfinished = [row for row in rows if row["status"] != "done"]
    return sorted(unfinished, key=lambda row: (ORDER.index(row["status"]), row["run"]))


def summarize_statuses(rows: list[dict[str, Any]]) -> str:
    """Return a sentence with the number of runs by status."""
    counts = Counter(row["status"] for row in rows)
    summary = ", ".join(f"{counts[status]} {status}" for status in ("done", *ORDER) if counts[status])
    return f"{len(rows)} runs{f': {summary}' if summary else ''}."
