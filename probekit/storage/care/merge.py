"""Merge copies the runs of another store into this one; nothing that is here is written over."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from probekit.errors import StoreError
from probekit.storage.care.draft import copy_folder, drafting, settle_drafts, state, why_here
from probekit.storage.care.verify import faults
from probekit.storage.claim import Claimed, held_to_read
from probekit.storage.folder import OF_A_RUN, Folder
from probekit.storage.store import Store

Fate = Literal["copied", "beside", "here", "broken", "busy"]
"""Copied where there was none; beside one that is not done, or has other weights; here already; not whole;
held by a process."""
LEFT: tuple[Fate, ...] = ("broken", "busy")
"""The fates of runs that are not copied though they may not be here."""
PATIENCE = 10.0
"""Seconds to wait, in all, for runs that a process is at."""


def merged(into: Store, other: Store) -> Iterator[tuple[Folder, Fate, str]]:
    """Copy run by run, whole or not at all; yield each folder of the other store, its fate and why.

    A run that is done comes in where none that is done with the same weights is here; one that is not, only
    where there is none at all. What is broken stays where it is. What a process is at is waited for, for
    `PATIENCE` seconds, once all others are copied. What an interrupted merge left is completed or dropped.
    Raises StoreError where this store cannot be read or written.
    """
    settle_drafts(into)
    busy = []
    for folder in other.folders():
        if not holds_run(folder.path):
            continue
        fate, why = merge_run(into, folder)
        if fate == "busy":
            busy.append(folder)
        else:
            yield folder, fate, why
    begun = time.monotonic()
    for folder in busy:

        def waiting(folder: Folder = folder) -> None:
            if time.monotonic() - begun > PATIENCE:
                raise Claimed(folder.path)

        yield folder, *merge_run(into, folder, waiting)


def merge_run(into: Store, folder: Folder, waiting: Callable[[], None] | None = None) -> tuple[Fate, str]:
    """Copy one folder, if it is whole and adds to what is here; return its fate and why.

    Args:
        into: The store that it comes into.
        folder: The folder of another store.
        waiting: Called while a process holds it, as for `claimed`.

    Raises:
        StoreError: The store that it comes into cannot be read or written.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held_to_read(folder.path, waiting))
            if wrong := next(faults(folder), None):
                return "broken", wrong.found
            plan, found = folder.read_spec(), state(folder)
        except Claimed as error:
            return "busy", error.found
        except StoreError as error:
            return "broken", error.found
        if why := why_here(into.twins(plan), found):
            return "here", why
        with drafting(into, folder.path.name) as draft:
            copy_folder(folder.path, draft)
            if wrong := next(faults(Folder(draft)), None):
                return "broken", f"it changed while it was copied ({wrong.found})"
            beside = False

            def is_wanted() -> bool:
                nonlocal beside
                twins = into.twins(plan)
                beside = bool(twins)
                return not why_here(twins, found)

            if not into.adopt(plan, draft, is_wanted):
                return "here", "another merge copied it meanwhile"
    return ("beside", "as the newest of this plan") if beside else ("copied", "")


def summary(fates: Counter[Fate]) -> str:
    """Say how many runs had which fate."""
    words: dict[Fate, str] = {
        "copied": "copied",
        "beside": "copied beside another of its plan",
        "here": "here already",
        "broken": "not whole, left where they are",
        "busy": "at work, left where they are",
    }
    return ", ".join(f"{fates[fate]} {said}" for fate, said in words.items() if fates[fate]) or "no runs"


def is_store(path: Path) -> bool:
    """Tell whether a folder holds a run. Raises StoreError where it cannot be read."""
    return any(holds_run(folder.path) for folder in Store(path).folders())


def holds_run(path: Path) -> bool:
    """Tell whether a folder holds a file of a run; one that cannot be looked into is taken to."""
    try:
        return bool(OF_A_RUN.intersection(os.listdir(path)))
    except FileNotFoundError:
        return False
    except OSError:
        return True
