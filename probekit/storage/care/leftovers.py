"""Leftovers are what no command reads again: drafts of a crash, copies half made, what was half removed, runs
that a newer one replaced."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from probekit.errors import StoreError
from probekit.storage.alike import group_alike, is_rerun
from probekit.storage.care.draft import abandoned_drafts, settle_draft
from probekit.storage.claim import held_to_read
from probekit.storage.folder import CHECKPOINT, RESULT, Folder
from probekit.storage.result import Result
from probekit.storage.root import UNREMOVED, discard, remove_tree, trash_of
from probekit.storage.store import Store, place_in_store

Kind = Literal["trash", "copy", "draft", "checkpoint", "replaced"]
WHY: dict[Kind, str] = {
    "trash": "what a removal did not finish",
    "copy": "a copy that a merge did not finish",
    "draft": "a file that was not written to its end",
    "checkpoint": "the checkpoint of a run that is done",
    "replaced": "a run of which a newer one is done",
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder, of which kind it is, and its size in bytes.

    newer: the folder of the run that replaced it, which must be whole when it is removed.
    """

    path: Path
    kind: Kind
    size: int
    newer: Path | None = None

    @property
    def why(self) -> str:
        """Why it is left over."""
        return WHY[self.kind]


def leftovers(store: Store) -> Iterator[Leftover]:
    """Yield what may be removed of a store, looking at runs that no process holds alone."""
    requests: dict[str, list[tuple[int, Folder, Result]]] = defaultdict(list)
    for path in trash_of(store.root):
        yield Leftover(path, "trash", size(path))
    for path in abandoned_drafts(store):
        yield Leftover(path, "copy", size(path))
    for folder in store.folders():
        try:
            with held_to_read(folder.path):
                for draft in sorted(folder.path.glob(".*.draft")):
                    yield Leftover(draft, "draft", size(draft))
                if (folder.path / RESULT).exists():
                    result = folder.read_result()
                    checkpoint = folder.path / CHECKPOINT
                    if result.status == "done" and checkpoint.exists():
                        yield Leftover(checkpoint, "checkpoint", size(checkpoint))
                    place = place_in_store(folder.path.name, result.plan)
                    if result.status == "done" and place is not None:
                        folder.check_files(result)
                        requests[result.plan.identity].append((place, folder, result))
        except StoreError:
            continue
    for runs in requests.values():
        runs.sort(key=lambda run: run[0], reverse=True)
        for (_, newest, _), *older in group_alike(runs, lambda run, other: is_rerun(run[2], other[2])):
            for _, folder, _ in older:
                yield Leftover(folder.path, "replaced", size(folder.path), newest.path)


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; of what is gone meanwhile none."""
    total = 0
    for one in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += 0 if one.is_dir() else one.lstat().st_size
    return total


def remove(store: Store, leftover: Leftover) -> None:
    """Remove a leftover; a copy that turns out to be a whole run which is not here becomes one.

    Raises:
        Claimed: A process has begun to hold it, or the run that replaced it.
        StoreError: The disk refuses, or the run that replaced it is not whole any more.
    """
    path = leftover.path
    if leftover.kind == "trash":
        remove_tree(path)
    elif leftover.kind == "copy":
        settle_draft(store, path)
    elif leftover.newer is not None:
        remove_replaced(store, path, leftover.newer)
    else:
        with held_to_read(path.parent):
            remove_tree(path)


def remove_replaced(store: Store, path: Path, newer: Path) -> None:
    """Remove a run that a newer one replaced, if that one is whole still; raises as `remove` does."""
    with held_to_read(newer):
        result = Folder(newer).read_result()
        Folder(newer).check_files(result)
        if result.status != "done":
            raise StoreError(f"removing {path}", f"{newer.name}, which replaced it, is not done", UNREMOVED)
        with held_to_read(path):
            discard(path, store.root)
