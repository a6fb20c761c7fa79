"""Garbage is what no command reads again: drafts of a crash, unfinished copies and removals, and runs that
newer ones replaced."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from probekit.plugin.errors import StoreError
from probekit.storage.equivalence import group_equivalent, is_rerun
from probekit.storage.folder import CHECKPOINT, RESULT, Folder
from probekit.storage.lock import lock_for_reading
from probekit.storage.maintenance.draft import find_abandoned_drafts, settle_draft
from probekit.storage.result import Result
from probekit.storage.root import REMOVAL_HINT, discard_folder, find_rerun_number, list_trash, remove_tree
from probekit.storage.store import Store

Kind = Literal["trash", "copy", "draft", "checkpoint", "replaced"]
REASONS: dict[Kind, str] = {
    "trash": "an unfinished removal",
    "copy": "an unfinished copy of a merge",
    "draft": "a file that was not written to its end",
    "checkpoint": "the checkpoint of a run that is done",
    "replaced": "a run that a newer one replaced",
}


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that may be removed.

    Attributes:
        path: The file or folder.
        kind: Its kind.
        size: Its size in bytes.
        newer: The folder of the run that replaced it, which must still be whole when it is removed.
    """

    path: Path
    kind: Kind
    size: int
    newer: Path | None = None

    @property
    def why(self) -> str:
        """Why it may be removed."""
        return REASONS[self.kind]


def find_garbage(store: Store) -> Iterator[Garbage]:
    """Yield what may be removed from a store, in runs that no other process holds."""
    plans: dict[str, list[tuple[int, Folder, Result]]] = defaultdict(list)
    for path in list_trash(store.root):
        yield Garbage(path, "trash", disk_usage(path))
    for path in find_abandoned_drafts(store):
        yield Garbage(path, "copy", disk_usage(path))
    for folder in store.list_folders():
        try:
            with lock_for_reading(folder.path):
                for draft in sorted(folder.path.glob(".*.draft")):
                    yield Garbage(draft, "draft", disk_usage(draft))
                if not (folder.path / RESULT).exists():
                    continue
                result = folder.read_result()
                if result.status != "done":
                    continue
                if (checkpoint := folder.path / CHECKPOINT).exists():
                    yield Garbage(checkpoint, "checkpoint", disk_usage(checkpoint))
                number = find_rerun_number(folder.path.name, result.plan)
                if number is not None:
                    folder.check_files(result)
                    plans[result.plan.identity].append((number, folder, result))
        except StoreError:
            continue
    for runs in plans.values():
        runs.sort(key=lambda run: run[0], reverse=True)
        for (_, newest, _), *older in group_equivalent(
            runs, lambda first, second: is_rerun(first[2], second[2])
        ):
            for _, folder, _ in older:
                yield Garbage(folder.path, "replaced", disk_usage(folder.path), newest.path)


def disk_usage(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; files that vanish meanwhile count as 0."""
    total = 0
    for entry in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += 0 if entry.is_dir() else entry.lstat().st_size
    return total


def remove_garbage(store: Store, garbage: Garbage) -> None:
    """Remove garbage; an unfinished copy that is a whole new run becomes a run of the store instead.

    Raises:
        RunLocked: A process has taken its lock meanwhile, or that of the run that replaced it.
        StoreError: The disk refuses, or the run that replaced it is no longer whole.
    """
    path = garbage.path
    if garbage.kind == "trash":
        remove_tree(path)
    elif garbage.kind == "copy":
        settle_draft(store, path)
    elif garbage.newer is not None:
        remove_replaced(store, path, garbage.newer)
    else:
        with lock_for_reading(path.parent):
            remove_tree(path)


def remove_replaced(store: Store, path: Path, newer: Path) -> None:
    """Remove a run that a newer one replaced, if that one is whole; raises as `remove_garbage` does."""
    with lock_for_reading(newer):
        result = Folder(newer).read_result()
        Folder(newer).check_files(result)
        if result.status != "done":
            raise StoreError(
                f"removing {path}", f"{newer.name}, which replaced it, has not finished", REMOVAL_HINT
            )
        with lock_for_reading(path):
            discard_folder(path, store.root)
