"""`probekit status` shows how far the runs of a store are, whoever carries them out."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cards.words import NOTHING, duration
from probekit.cli.live import EVERY, Live, far
from probekit.cli.messages import near, tell
from probekit.cli.options import Kept
from probekit.cli.table import print_json, print_table

if TYPE_CHECKING:
    from probekit.storage.folder import Folder
    from probekit.storage.phase import Phase
    from probekit.storage.result import Result
    from probekit.storage.store import Store

HEADS = ("run", "status", "step", "left", "by")
ORDER = ("running", "preempted", "lost", "queued", "failed", "unread")


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again until nothing runs or waits.")] = False,
    store: Kept = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Show how many runs are done; of each other how far it is, who is at it, and how long it needs yet.

    queued: nobody has begun it. preempted: it was stopped, with a checkpoint. lost: its process ended without
    a word. The command that planned such a run goes on with it.

    Example: probekit status --watch
    """
    from probekit.storage.store import Store

    root = Store(store)
    rows = looked(root)
    if watch and not as_json:
        with Live(lambda: sentence(rows)):
            while {"running", "queued"} & {row["status"] for row in rows}:
                time.sleep(EVERY)
                rows = looked(root)
    if as_json:
        print_json({"runs": Counter(row["status"] for row in rows), "unfinished": unfinished(rows)})
        return
    tell(f"{near(root.root)}: {sentence(rows)}")
    if left := unfinished(rows):
        shown = [[NOTHING if row[name] is None else str(row[name]) for name in HEADS] for row in left]
        print_table("", HEADS, shown)


def looked(store: Store) -> list[dict[str, Any]]:
    """Return a row a run of a store."""
    return [row(folder, one) for folder, one in store.results()]


def row(folder: Folder, one: Result | Exception) -> dict[str, Any]:
    """Return how far one run is."""
    from probekit.storage.phase import unfinished as phase_of

    empty = {"run": folder.path.name, "step": None, "left": None, "by": None}
    if not isinstance(one, Exception):
        return {**empty, "status": one.status}
    found: Phase | None = phase_of(folder)
    if found is None:
        return {**empty, "status": "unread"}
    left = None if found.left is None else duration(found.left)
    return {
        **empty,
        "status": found.name,
        "step": far(found.step, found.steps),
        "left": left,
        "by": found.by or None,
    }


def unfinished(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of runs that are not done, what runs first."""
    left = [row for row in rows if row["status"] != "done"]
    return sorted(left, key=lambda row: (ORDER.index(row["status"]), row["run"]))


def sentence(rows: list[dict[str, Any]]) -> str:
    """Say how many runs there are of each kind."""
    counts = Counter(row["status"] for row in rows)
    said = ", ".join(f"{counts[name]} {name}" for name in ("done", *ORDER) if counts[name])
    return f"{len(rows)} runs{f': {said}' if said else ''}."
