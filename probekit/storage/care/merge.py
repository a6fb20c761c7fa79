"""Merge copies the runs of another store into this one; nothing that is here is written over."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from probekit.errors import StoreError
from probekit.storage.care.verify import faults
from probekit.storage.claim import Claimed
from probekit.storage.folder import RESULT, SPEC, Folder
from probekit.storage.store import Store

Fate = Literal["copied", "beside", "here", "broken", "busy"]
"""Copied where there was none; beside one that is not done, or has other weights; here already; not whole;
held by a process."""
DRAFT = ".merging-"
LEFT_OUT = (".lock", ".lease", ".*.draft")


def merged(into: Store, other: Store) -> Iterator[tuple[Folder, Fate, str]]:
    """Copy run by run, whole or not at all; yield each folder of the other store, its fate and why.

    A run that is done comes in where none that is done with the same weights is here; one that is not, only
    where there is none at all. What is broken stays where it is. Raises StoreError where a disk refuses.
    """
    for folder in other.folders():
        if not (folder.path / SPEC).exists():
            continue
        try:
            with folder.claimed():
                if wrong := next(faults(folder), None):
                    yield folder, "broken", wrong.found
                    continue
                yield folder, *taken(into, folder)
        except Claimed as error:
            yield folder, "busy", error.found
        except StoreError as error:
            yield folder, "broken", error.found


def taken(into: Store, folder: Folder) -> tuple[Fate, str]:
    """Copy one folder that is whole and held, if it adds to what is here; return its fate and why."""
    plan = folder.read_spec()
    here = into.twins(plan)
    if here:
        found = state(folder)
        if found[0] != "done":
            return "here", "a run of this plan is"
        if any(state(one) == found for one in here):
            return "here", "with the same weights"
    with into.adopting(plan, f"{DRAFT}{folder.path.name}") as draft:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder.path, draft, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return ("beside", "as the newest of this plan") if here else ("copied", "")


def state(folder: Folder) -> tuple[str, str]:
    """Return a run's status and the hash of its weights; ("", "") where it has no whole result."""
    try:
        result = folder.read_result()
    except StoreError:
        return "", ""
    return result.status, result.weights


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
    """Tell whether a folder holds a run."""
    return path.is_dir() and any((one / name).exists() for one in path.iterdir() for name in (SPEC, RESULT))
