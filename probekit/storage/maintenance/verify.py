"""Verification reads every file of a run and reports those that are not as they were stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from probekit.plugin.errors import StoreError, explain_os_error
from probekit.storage.disk import FORCE_HINT
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, SPEC, Folder
from probekit.storage.lock import lock_for_reading
from probekit.storage.root import find_rerun_number

NOT_PLAIN_JSON = frozenset({RESULT, LOG, CHECKPOINT, SPEC})
"""Files that are checked by their own functions."""


def verify_folder(folder: Folder) -> list[StoreError]:
    """Return the faults of a folder while its lock is held.

    Raises:
        RunLocked: Another process runs it.
        StoreError: The disk refuses.
    """
    with lock_for_reading(folder.path):
        return list(find_faults(folder))


def find_faults(folder: Folder) -> Iterator[StoreError]:
    """Yield the faults of a run's files: edited, truncated, missing, or of another run."""
    try:
        names = set(os.listdir(folder.path))
    except OSError as error:
        yield StoreError(f"reading {folder.path}", *explain_os_error(error, FORCE_HINT, folder.path))
        return
    result_files: set[str] = set()
    plan = None
    try:
        if SPEC in names or RESULT in names or CHECKPOINT in names:
            plan = folder.read_spec()
            if find_rerun_number(folder.path.name, plan) is None:
                yield StoreError(f"reading {folder.path}", "its name belongs to another run", FORCE_HINT)
    except StoreError as error:
        yield error
    if RESULT in names:
        try:
            result = folder.read_result()
        except StoreError as error:
            yield error
        else:
            result_files = set(result.files)
            if plan is not None and result.plan.identity != plan.identity:
                yield StoreError(f"reading {folder.path / RESULT}", "it belongs to another run", FORCE_HINT)
            for name in result.files:
                try:
                    folder.read(name, result)
                except StoreError as error:
                    yield error
    if CHECKPOINT in names:
        try:
            _check_checkpoint(folder, check_log=RESULT not in names)
        except StoreError as error:
            yield error
    for name in sorted(names - result_files - NOT_PLAIN_JSON):
        if Path(name).suffix == ".json" and not name.startswith("."):
            try:
                folder.read_json(name)
            except StoreError as error:
                yield error


def _check_checkpoint(folder: Folder, check_log: bool) -> None:
    """Raise StoreError if the checkpoint is not whole, or the log is not the one it was saved with."""
    try:
        _, about = folder.read_tensors(CHECKPOINT)
        content, log_hash = folder.log(int(about["rows"])), about["log"] if check_log else ""
    except (KeyError, TypeError, ValueError) as error:
        problem = f"it is not a checkpoint ({error!r})"
        raise StoreError(f"reading {folder.path / CHECKPOINT}", problem, FORCE_HINT) from error
    if check_log and hashlib.sha256(content).hexdigest() != log_hash:
        problem = f"one of its first {about['rows']} rows was changed after it was written"
        raise StoreError(f"reading {folder.path / LOG}", problem, FORCE_HINT)
