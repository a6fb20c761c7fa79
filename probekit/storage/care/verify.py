"""Verify reads every file that runs consist of, and names those that are not as they were stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from probekit.errors import StoreError, explain_refusal
from probekit.storage.claim import held_to_read
from probekit.storage.disk import ANEW
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, SPEC, Folder
from probekit.storage.store import place_in_store

NAMED_BY_RESULT = frozenset({RESULT, LOG, CHECKPOINT})


def verified(folder: Folder) -> list[StoreError]:
    """Return what is wrong in a folder, of a run or with sealed JSON, while nobody writes in it.

    Raises Claimed where a process is at it, StoreError where the disk refuses.
    """
    with held_to_read(folder.path):
        return list(faults(folder))


def faults(folder: Folder) -> Iterator[StoreError]:
    """Yield what is wrong with the files of one run: edited, truncated, missing, or of another run."""
    try:
        names = set(os.listdir(folder.path))
    except OSError as error:
        yield StoreError(f"reading {folder.path}", *explain_refusal(error, ANEW, folder.path))
        return
    named: set[str] = set()
    plan = None
    try:
        if SPEC in names or RESULT in names or CHECKPOINT in names:
            plan = folder.read_spec()
            if place_in_store(folder.path.name, plan) is None:
                yield StoreError(f"reading {folder.path}", "its name is of another run", ANEW)
    except StoreError as error:
        yield error
    if RESULT in names:
        try:
            result = folder.read_result()
        except StoreError as error:
            yield error
        else:
            named = set(result.files)
            if plan is not None and result.plan.identity != plan.identity:
                yield StoreError(f"reading {folder.path / RESULT}", "it is another run's", ANEW)
            for name in result.files:
                try:
                    folder.read(name, result)
                except StoreError as error:
                    yield error
    if CHECKPOINT in names:
        try:
            _, about = folder.read_tensors(CHECKPOINT)
            kept = folder.log(int(about["rows"]))
            if RESULT not in names and hashlib.sha256(kept).hexdigest() != about["log"]:
                found = f"one of its first {about['rows']} rows was changed after it was written"
                yield StoreError(f"reading {folder.path / LOG}", found, ANEW)
        except StoreError as error:
            yield error
        except (KeyError, TypeError, ValueError) as error:
            found = f"it is no checkpoint ({error!r})"
            yield StoreError(f"reading {folder.path / CHECKPOINT}", found, ANEW)
    for name in sorted(names - named - NAMED_BY_RESULT - {SPEC}):
        if Path(name).suffix == ".json" and not name.startswith("."):
            try:
                folder.read_json(name)
            except StoreError as error:
                yield error
