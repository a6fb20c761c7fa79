"""The disk is full, read-only or laid with links: nothing of the user's is written over, and runs go on."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from small import done

from faults.report import Trial, judged
from faults.spoil import WORDS, finished, unfinished
from probekit.plugin.errors import StoreError
from probekit.storage.store import Store

MINE = b"the user's own"
NAMES = (
    "result.json", "spec.json", "log.jsonl", "checkpoint.safetensors", "scores.safetensors",
    "weights.safetensors", "measured.safetensors", "cases.png", "attempt.json", "traceback.txt", ".lock",
    ".lease", "worker.txt",
)  # fmt: skip


@contextlib.contextmanager
def full(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def of_full(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Run on a disk that takes no file of more than some size, then on one that does: it ends as it would."""
    whole = finished(folder / "whole").result
    chance = random.Random(f"{seed} full")
    for number in range(times):
        store = folder / str(number)

        def same(store: Path = store) -> bool:
            refused = None
            with full(round(10 ** chance.uniform(0, 5.5))):
                try:
                    finished(store)
                except StoreError as error:
                    refused = error
            if list(store.glob("*/.*.draft")):
                raise RuntimeError("a draft was left")
            again = finished(store)
            if again.result.weights != whole.weights or again.result.metrics != whole.metrics:
                return False
            if refused:
                raise refused
            return True

        yield judged("full disk", "a limit", same)
        shutil.rmtree(store, ignore_errors=True)
    for place in ("/sys/probekit-runs", "/proc/probekit-runs", "/dev/null/runs"):
        yield judged("no place to write", place, lambda place=place: bool(done(Path(place), **WORDS)))  # type: ignore[misc]


def of_links(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Lay a link or a pipe where a file of a run belongs: the user's stays as it is, and nothing waits."""
    begun = unfinished(folder / "begun")
    mine = folder / "mine"
    for name in NAMES:
        for form in (name, f".{name}.draft"):
            for kind in ("link", "dangling link", "pipe"):
                store = folder / "laid"
                shutil.copytree(begun.parent, store)
                mine.write_bytes(MINE)
                path = store / begun.name / form
                path.unlink(missing_ok=True)
                if kind == "pipe":
                    os.mkfifo(path)
                else:
                    path.symlink_to(mine if kind == "link" else folder / "nothing")

                def fine(store: Path = store) -> bool:
                    try:
                        finished(store)
                    finally:
                        kept = mine.read_bytes() == MINE and not (folder / "nothing").exists()
                        if not kept:
                            raise RuntimeError("a file of the user's was written")
                    return Store(store).root.exists()

                yield judged(f"{kind} laid in a run", form, fine)
                shutil.rmtree(store)
