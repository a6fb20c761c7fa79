"""Leftovers are what no command reads again: drafts of a crash, copies half made, runs that a newer one
replaced."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probekit.errors import StoreError
from probekit.storage.alike import group_alike, is_rerun
from probekit.storage.care.merge import DRAFT
from probekit.storage.folder import CHECKPOINT, RESULT, Folder
from probekit.storage.result import Result
from probekit.storage.store import Store, place_in_store


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder, why it is left over, and its size in bytes."""

    path: Path
    why: str
    size: int


def leftovers(store: Store) -> Iterator[Leftover]:
    """Yield what may be removed of a store, looking at runs that no process holds alone."""
    requests: dict[str, list[tuple[int, Folder, Result]]] = defaultdict(list)
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
                    place = place_in_store(folder.path.name, result.plan)
                    if result.status == "done" and place is not None:
                        folder.check_files(result)
                        requests[result.plan.identity].append((place, folder, result))
        except StoreError:
            continue
    for runs in requests.values():
        runs.sort(key=lambda run: run[0], reverse=True)
        for group in group_alike(runs, lambda run, other: is_rerun(run[2], other[2])):
            for _, folder, _ in group[1:]:
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
