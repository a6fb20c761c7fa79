"""Leftovers are what no command reads again: drafts of a crash, copies half made, runs that a newer one
replaced."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probekit.errors import StoreError
from probekit.storage.care.merge import DRAFT
from probekit.storage.folder import CHECKPOINT, RESULT, Folder
from probekit.storage.store import Store, place_of


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder, why it is left over, and its size in bytes."""

    path: Path
    why: str
    size: int


def leftovers(store: Store) -> Iterator[Leftover]:
    """Yield what may be removed of a store, looking at runs that no process holds alone."""
    plans: dict[str, list[tuple[int, Folder]]] = defaultdict(list)
    for path in sorted(store.root.glob(f"{DRAFT}*")):
        yield Leftover(path, "a copy that a merge did not finish", size(path))
    for folder in store.folders():
        try:
            with folder.claimed():
                for draft in sorted(folder.path.glob(".*.draft")):
                    yield Leftover(draft, "a file that was not written to its end", size(draft))
                if (folder.path / RESULT).exists():
                    result = folder.read_result()
                    checkpoint = folder.path / CHECKPOINT
                    if result.status == "done" and checkpoint.exists():
                        yield Leftover(checkpoint, "the checkpoint of a run that is done", size(checkpoint))
                    place = place_of(folder.path.name, result.plan.identity[:12])
                    if result.status == "done" and place is not None:
                        folder.check_files(result)
                        plans[result.plan.identity].append((place, folder))
        except StoreError:
            continue
    for twins in plans.values():
        for _, folder in sorted(twins, key=lambda one: one[0])[:-1]:
            yield Leftover(folder.path, "a run of which a newer one is done", size(folder.path))


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    some = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in some if not one.is_dir())


def remove(leftover: Leftover) -> None:
    """Remove a leftover; raises Claimed where a process has begun to hold its run."""
    inside = leftover.path if leftover.path.is_dir() else leftover.path.parent
    with Folder(inside).claimed():
        if leftover.path.is_dir():
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
