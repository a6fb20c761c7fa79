"""Merging copies the runs of another store into this one and overwrites nothing."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from probekit.plugin.errors import StoreError
from probekit.storage.folder import RUN_FILES, Folder
from probekit.storage.lock import RunLocked, lock_for_reading
from probekit.storage.maintenance.draft import (
    copy_folder,
    explain_duplicate,
    open_draft,
    read_outcome,
    settle_drafts,
)
from probekit.storage.maintenance.verify import find_faults
from probekit.storage.store import Store

Fate = Literal["copied", "beside", "here", "broken", "busy"]
"""Copied as the first of its plan; copied as the newest rerun; here already; not whole; locked."""
NOT_COPIED: tuple[Fate, ...] = ("broken", "busy")
"""The fates of runs that are not copied though the store may lack them."""
PATIENCE = 10.0
"""Seconds to wait in total for runs that other processes hold."""


def merge_stores(into: Store, source: Store) -> Iterator[tuple[Folder, Fate, str]]:
    """Copy run by run, whole or not at all.

    A done run is copied unless a done run with the same weights is here; an unfinished one only if its plan
    has no run here. Broken runs stay where they are. Runs that another process holds come last, after at
    most `PATIENCE` seconds. Copies of an interrupted merge are completed or dropped.

    Args:
        into: The store to copy into.
        source: The store to copy from.

    Yields:
        Each folder of the source, its fate and the reason.

    Raises:
        StoreError: The store to copy into cannot be read or written.
    """
    settle_drafts(into)
    busy = []
    for folder in source.list_folders():
        if not holds_run(folder.path):
            continue
        fate, reason = merge_run(into, folder)
        if fate == "busy":
            busy.append(folder)
        else:
            yield folder, fate, reason
    start = time.monotonic()
    for folder in busy:

        def wait_for_lock(folder: Folder = folder) -> None:
            if time.monotonic() - start > PATIENCE:
                raise RunLocked(folder.path)

        yield folder, *merge_run(into, folder, wait_for_lock)


def merge_run(into: Store, folder: Folder, waiting: Callable[[], None] | None = None) -> tuple[Fate, str]:
    """Copy one folder if it is whole and adds to the store.

    Args:
        into: The store to copy into.
        folder: A folder of another store.
        waiting: As for `lock_folder`.

    Returns:
        The run's fate and the reason.

    Raises:
        StoreError: The store to copy into cannot be read or written.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_for_reading(folder.path, waiting))
            if fault := next(find_faults(folder), None):
                return "broken", fault.problem
            plan, outcome = folder.read_spec(), read_outcome(folder)
        except RunLocked as error:
            return "busy", error.problem
        except StoreError as error:
            return "broken", error.problem
        if reason := explain_duplicate(into.reruns(plan), outcome):
            return "here", reason
        with open_draft(into, folder.path.name) as draft:
            copy_folder(folder.path, draft)
            if fault := next(find_faults(Folder(draft)), None):
                return "broken", f"it changed while it was copied ({fault.problem})"
            is_new_rerun = False

            def is_wanted() -> bool:
                nonlocal is_new_rerun
                reruns = into.reruns(plan)
                is_new_rerun = bool(reruns)
                return not explain_duplicate(reruns, outcome)

            if not into.adopt_draft(plan, draft, is_wanted):
                return "here", "another merge copied it meanwhile"
    return ("beside", "as the newest of its plan") if is_new_rerun else ("copied", "")


def summarize_fates(fates: Counter[Fate]) -> str:
    """Return how many runs had each fate."""
    words: dict[Fate, str] = {
        "copied": "copied",
        "beside": "copied as reruns",
        "here": "here already",
        "broken": "broken (not copied)",
        "busy": "busy (not copied)",
    }
    return ", ".join(f"{fates[fate]} {text}" for fate, text in words.items() if fates[fate]) or "no runs"


def is_store(path: Path) -> bool:
    """Return whether a folder holds runs; raises StoreError if it cannot be read."""
    return any(holds_run(folder.path) for folder in Store(path).list_folders())


def holds_run(path: Path) -> bool:
    """Return whether a folder holds a file of a run; True if it cannot be read."""
    try:
        return bool(RUN_FILES.intersection(os.listdir(path)))
    except FileNotFoundError:
        return False
    except OSError:
        return True
