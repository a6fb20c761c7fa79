"""`probekit store` verifies or replays what is stored, merges another store into it, removes what is left."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.messages import console, near, note, say, still, tell
from probekit.cli.options import Kept, store_named
from probekit.cli.table import print_json, print_table
from probekit.errors import StoreError, UsageError, did_you_mean

if TYPE_CHECKING:
    from probekit.storage.store import Store

ACTIONS = ("verify", "replay", "merge", "gc")


def store(
    action: Annotated[str, typer.Argument(metavar="verify|replay|merge|gc")],
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", parser=store_named, help="With merge: the store to copy runs from."),
    ] = None,
    root: Kept = None,
    yes: Annotated[bool, typer.Option("--yes", help="With gc: do not ask.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With replay: runs of released components too.")
    ] = False,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="With replay: run the Python files that runs name.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list.")] = False,
) -> None:
    """Verify that every stored file is as it was written; replay the first steps of every run, to see whether
    it would come out the same with what is installed now, as after an upgrade; merge the runs of another
    store into this one; or remove, after asking, what no command reads again (gc): drafts of a crash, runs of
    which a newer one is done.

    Example: probekit store merge ../from-the-cluster/probekit-runs
    """
    from probekit.cli.replay import replay_store
    from probekit.storage.store import Store

    if action not in ACTIONS:
        raise UsageError(f"store {action}", "there is no such action", did_you_mean(action, ACTIONS))
    if (other is not None) != (action == "merge"):
        found = "it takes no folder" if other is not None else "it needs the store to copy from"
        raise UsageError(f"store {action}", found, "Type `probekit store merge DIR`.")
    here = Store(root)
    if action == "verify":
        verify(here, as_json)
    elif action == "replay":
        replay_store(here, everything, allow_code, as_json)
    elif other is not None:
        merge(here, other, as_json)
    else:
        collect(here, yes, as_json)


def verify(here: Store, as_json: bool) -> None:
    """Name each file that is not as it was stored; exit 1 where there is one."""
    from rich.progress import track

    from probekit.storage.care.verify import verified
    from probekit.storage.claim import Claimed

    folders = list(here.folders())
    shown = track(folders, "verifying", console=console(), transient=True, disable=still())
    wrong, busy = [], 0
    for folder in shown:
        try:
            wrong += [(folder, fault) for fault in verified(folder)]
        except Claimed:
            busy += 1
    if as_json:
        print_json([{"folder": str(near(folder.path)), "fault": str(fault)} for folder, fault in wrong])
    for _, fault in wrong:
        say(f"{fault.asked}: {fault.found}.")
    if wrong:
        raise typer.Exit(1)
    if not as_json:
        aside = f", but for {busy} that a process is at" if busy else ""
        tell(f"{len(folders)} folders in {near(here.root)}: every file is as it was stored{aside}.")


def merge(here: Store, other: Path, as_json: bool) -> None:
    """Copy another store's runs; exit 1 where one of them is not whole, or a process does not leave it."""
    from probekit.storage.care.merge import LEFT, Fate, is_store, merged, summary
    from probekit.storage.store import Store

    if not is_store(other):
        found = "it holds no runs" if other.is_dir() else "there is no such folder"
        raise UsageError(f"merging {other}", found, "Name a store, as probekit-runs.")
    if other.resolve() == here.root.resolve():
        raise UsageError(f"merging {other}", "it is this store itself", "Name another.")
    fates: Counter[Fate] = Counter()
    rows: list[dict[str, Any]] = []
    for folder, fate, why in merged(here, Store(other)):
        fates[fate] += 1
        rows.append({"folder": str(near(folder.path)), "fate": fate, "why": why})
        if fate in LEFT:
            say(f"{near(folder.path)}: {why}.")
    if as_json:
        print_json(rows)
    else:
        tell(f"{near(other)}: {summary(fates)}.")
    if any(fates[fate] for fate in LEFT):
        raise typer.Exit(1)


def collect(here: Store, yes: bool, as_json: bool) -> None:
    """List what is left over, and remove it after asking."""
    from probekit.storage.care.leftovers import leftovers, remove

    found = list(leftovers(here))
    rows = [[str(near(one.path)), one.why, f"{one.size / 1e6:.1f} MB"] for one in found]
    if as_json:
        print_json(
            [{"path": row[0], "why": row[1], "bytes": one.size} for row, one in zip(rows, found, strict=True)]
        )
    elif not found:
        tell(f"nothing is left over in {near(here.root)}.")
    else:
        print_table(f"Left over in {near(here.root)}", ("path", "why", "size"), rows)
    if not found:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "store gc", "there is no terminal to ask on", "Type --yes to remove them unasked."
            )
        if not typer.confirm(f"Remove these {len(found)}? They cannot be had back", err=True):
            note("nothing was removed.")
            return
    removed, left = 0, False
    for one in found:
        try:
            remove(here, one)
            removed += one.size
        except StoreError as error:
            say(str(error))
            left = True
    note(f"removed {removed / 1e6:.1f} MB.")
    if left:
        raise typer.Exit(1)
