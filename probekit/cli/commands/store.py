"""`probekit store` verifies, replays, merges, exports or cleans up a store."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.merging import merge_rows_aloud
from probekit.cli.options import StoreOption, parse_store
from probekit.cli.table import print_json, print_table
from probekit.plugin.errors import StoreError, UsageError, did_you_mean
from probekit.terminal.messages import (
    print_error,
    print_info,
    print_output,
    relative_path,
    track_items,
)

if TYPE_CHECKING:
    from probekit.storage.store import Store

ACTIONS = ("verify", "replay", "merge", "rows", "gc")


def maintain_store(
    action: Annotated[
        str, typer.Argument(metavar="verify|replay|merge|rows|gc", help="What to do; see above.")
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            parser=parse_store,
            help="With merge: the store or the file of rows from which to copy runs. With rows: the file.",
        ),
    ] = None,
    root: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="With gc: do not ask for confirmation.")] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="With replay: include runs whose components are all released versions."),
    ] = False,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="With replay: execute the Python files that runs name."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Verify, replay, merge, export or clean up a store.

    verify checks that no stored file has changed. replay repeats the first steps of each run and checks that
    the results are the same with the versions installed now; use it after an upgrade. merge copies the runs
    of another store, or of a file of rows; runs from rows have no weights. rows writes all results to such a
    file (.csv or .csv.xz), which is small enough to commit. gc removes, after confirmation, files that no
    command reads: incomplete files of a crash and runs that a newer run replaces.

    Example: probekit store merge ../from-the-cluster/probekit-runs
    """
    from probekit.cli.replay import replay_store
    from probekit.storage.store import Store

    if action not in ACTIONS:
        raise UsageError(f"store {action}", "there is no such action", did_you_mean(action, ACTIONS))
    if (source is not None) != (action in ("merge", "rows")):
        needed = "the file to write" if action == "rows" else "the store from which to copy runs"
        reason = "it takes no path" if source is not None else f"it needs {needed}"
        hint = "`probekit store rows rows.csv.xz`" if action == "rows" else "`probekit store merge DIR`"
        raise UsageError(f"store {action}", reason, f"Type {hint}.")
    store = Store(root)
    if action == "verify":
        verify_store(store, as_json)
    elif action == "replay":
        replay_store(store, everything, allow_code, as_json)
    elif source is not None and action == "rows":
        write_store_rows(store, source, as_json)
    elif source is not None:
        merge_stores(store, source, as_json)
    else:
        collect_garbage(store, yes, as_json)


def verify_store(store: Store, as_json: bool) -> None:
    """Print each file that has changed since it was stored; exit with code 1 if there is one."""
    from probekit.storage.lock import RunLocked
    from probekit.storage.maintenance.verify import verify_folder

    folders = list(store.list_folders())
    faults, locked = [], 0
    for folder in track_items(folders, "verifying"):
        try:
            faults += [(folder, fault) for fault in verify_folder(folder)]
        except RunLocked:
            locked += 1
    if as_json:
        print_json(
            [{"folder": str(relative_path(folder.path)), "fault": str(fault)} for folder, fault in faults]
        )
    for _, fault in faults:
        print_error(f"{fault.request}: {fault.problem}.")
    if faults:
        raise typer.Exit(1)
    if not as_json:
        skipped = f"; {locked} were skipped because another process uses them" if locked else ""
        print_output(f"{len(folders)} folders in {relative_path(store.root)}: no file has changed{skipped}.")


def merge_stores(store: Store, source: Path, as_json: bool) -> None:
    """Copy the runs of another store; exit with code 1 if one of them is broken or locked."""
    from probekit.evidence.deciding.looks import merge_looks
    from probekit.rows.rows_file import is_rows_name
    from probekit.storage.maintenance.merge import NOT_COPIED, Fate, is_store, merge_stores, summarize_fates
    from probekit.storage.store import Store

    if is_rows_name(source) and not source.is_dir():
        merge_rows(store, source, as_json)
        return
    if not is_store(source):
        reason = "this folder contains no runs" if source.is_dir() else "there is no such folder"
        raise UsageError(f"merging {source}", reason, "Type the path of a store, for example probekit-runs.")
    if source.resolve() == store.root.resolve():
        raise UsageError(f"merging {source}", "this is the same store", "Type the path of another store.")
    # the looks come first: an interrupted merge must not leave runs without them
    merge_looks(store, Store(source))
    fates: Counter[Fate] = Counter()
    rows: list[dict[str, Any]] = []
    for folder, fate, why in merge_stores(store, Store(source)):
        fates[fate] += 1
        rows.append({"folder": str(relative_path(folder.path)), "fate": fate, "why": why})
        if fate in NOT_COPIED:
            print_error(f"{relative_path(folder.path)}: {why}.")
    if as_json:
        print_json(rows)
    else:
        print_output(f"{relative_path(source)}: {summarize_fates(fates)}.")
    if any(fates[fate] for fate in NOT_COPIED):
        raise typer.Exit(1)


def merge_rows(store: Store, path: Path, as_json: bool) -> None:
    """Write the runs of a file of rows into the store; exit with code 1 if a row of it is not counted."""
    from probekit.storage.maintenance.merge import Fate, summarize_fates

    merged, left_out = merge_rows_aloud(store, path)
    fates: Counter[Fate] = Counter(fate for _, fate, _ in merged)
    if as_json:
        print_json([{"folder": name, "fate": fate, "why": why} for name, fate, why in merged])
    else:
        print_output(f"{relative_path(path)}: {summarize_fates(fates)}.")
    if left_out:
        raise typer.Exit(1)


def write_store_rows(store: Store, path: Path, as_json: bool) -> None:
    """Write all results of the store to a file of rows."""
    from probekit.rows.rows_file import check_rows_name, write_rows
    from probekit.rows.transfer import export_rows

    check_rows_name(path)
    left_out: list[str] = []
    rows = list(export_rows(store, left_out))
    for line in left_out:
        print_info(f"left out: {line}")
    if not rows:
        raise UsageError(
            f"store rows {path}", f"{relative_path(store.root)} has no results", "Type --store DIR."
        )
    size = write_rows(path, rows)
    if as_json:
        print_json([{"file": str(relative_path(path)), "rows": len(rows), "bytes": size}])
    else:
        print_output(f"{relative_path(path)}: {len(rows)} runs, {size / 1e6:.2f} MB.")


def collect_garbage(store: Store, yes: bool, as_json: bool) -> None:
    """List files that no command reads, and remove them after confirmation."""
    from probekit.storage.maintenance.garbage import find_garbage, remove_garbage

    garbage = list(find_garbage(store))
    rows = [[str(relative_path(item.path)), item.why, f"{item.size / 1e6:.1f} MB"] for item in garbage]
    if as_json:
        print_json(
            [
                {"path": row[0], "why": row[1], "bytes": item.size}
                for row, item in zip(rows, garbage, strict=True)
            ]
        )
    elif not garbage:
        print_output(f"There is nothing to remove in {relative_path(store.root)}.")
    else:
        print_table(f"Unused files in {relative_path(store.root)}", ("path", "why", "size"), rows)
    if not garbage:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "store gc",
                "there is no terminal to ask for confirmation",
                "Type --yes to remove them without asking.",
            )
        if not typer.confirm(f"Remove these {len(garbage)}? You cannot undo this", err=True):
            print_info("removed nothing.")
            return
    removed, failed = 0, False
    for item in garbage:
        try:
            remove_garbage(store, item)
            removed += item.size
        except StoreError as error:
            print_error(str(error))
            failed = True
    print_info(f"removed {removed / 1e6:.1f} MB.")
    if failed:
        raise typer.Exit(1)
