"""Merges and removals are ended at random moments: each run stays whole, none is lost, the next one ends."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.report import Trial
from faults.spoil import finished
from probekit.plugin.errors import ProbekitError
from probekit.storage.folder import RESULT, SPEC
from probekit.storage.maintenance.garbage import find_garbage, remove_garbage
from probekit.storage.maintenance.merge import NOT_COPIED, merge_stores
from probekit.storage.maintenance.verify import verify_folder
from probekit.storage.store import Store

RUNS = 20
"""Runs of a store, each a copy of a real one under a seed of its own."""
BY = (signal.SIGKILL, signal.SIGINT)
SHOWN = 300
GLANCE = 0.003
"""Seconds between two looks at whether a command has begun."""
Ended = tuple[int, str]


def many(store: Path, count: int = RUNS) -> Path:
    """Fill a store with so many whole runs of different seeds, made of one real run."""
    real = finished(store)
    plan = real.result.plan
    for seed in range(1, count):
        spec = plan.spec.model_copy(update={"seed": seed})
        other = plan.model_copy(update={"seed": seed, "spec": spec})
        folder = Store(store).new_run(other)
        for path in real.folder.path.iterdir():
            if path.name not in (SPEC, RESULT, ".lock"):
                shutil.copy(path, folder.path)
        folder.write_result(real.result.model_copy(update={"plan": other}))
    return store


def twinned(store: Path) -> Path:
    """Lay a newer twin beside each run of a store."""
    for folder in list(Store(store).list_folders()):
        shutil.copytree(folder.path, store / f"{folder.path.name}-2")
    return store


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command of probekit."""
    return subprocess.Popen(
        [sys.executable, "-m", "probekit", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def seen(store: Path) -> tuple[tuple[str, int], ...]:
    """Return what lies in a store, and when it was changed."""
    try:
        return tuple(sorted((one.name, one.stat().st_mtime_ns) for one in os.scandir(store)))
    except FileNotFoundError:
        return ()


def interrupted(store: Path, words: tuple[str, ...], seconds: float, by: signal.Signals) -> Ended:
    """Start a command and end it so long after its first change in a store; return exit code and words."""
    before = seen(store)
    process = start(*words, "--store", str(store))
    while process.poll() is None and seen(store) == before:
        time.sleep(GLANCE)
    time.sleep(seconds)
    if process.poll() is None:
        process.send_signal(by)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def took(store: Path, words: tuple[str, ...]) -> float:
    """Return the seconds from a command's first change in a store to its end."""
    before = seen(store)
    process = start(*words, "--store", str(store))
    while process.poll() is None and seen(store) == before:
        time.sleep(GLANCE)
    begun = time.monotonic()
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return time.monotonic() - begun


def faults(store: Path) -> list[str]:
    """Return what is wrong in a store."""
    return [str(fault) for folder in Store(store).list_folders() for fault in verify_folder(folder)]


def held(store: Path) -> Counter[tuple[int, str]]:
    """Count the runs of a store by seed and weights; raises where one is not whole."""
    if wrong := faults(store):
        raise RuntimeError(f"a run is not whole: {wrong[0]}")
    found: Counter[tuple[int, str]] = Counter()
    for folder in Store(store).list_folders():
        result = folder.read_result()
        found[result.plan.seed, result.weights] += 1
    return found


def merge_all(store: Path, other: Path) -> None:
    """Merge to the end; raises where a run does not come in."""
    for folder, fate, why in merge_stores(Store(store), Store(other)):
        if fate in NOT_COPIED:
            raise RuntimeError(f"{folder.path.name}: {fate}, {why}")


def collect_all(store: Path) -> None:
    """Remove all that is left over."""
    for one in list(find_garbage(Store(store))):
        remove_garbage(Store(store), one)


def of_merges(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """End merges: no half of a run is seen, and the next merge brings each run that is missing, once."""
    other = many(folder / "other")
    whole, words = held(other), ("store", "merge", str(other))
    longest = took(folder / "whole", words)

    def check(store: Path) -> bool:
        if any(count > 1 or run not in whole for run, count in held(store).items()):
            return False
        merge_all(store, other)
        return held(store) == held(other) == whole and not hidden(store)

    yield from ended("merges", folder, times, seed, longest, words, lambda store: None, check)


def of_collections(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """End `store gc` while it removes older twins: the newest of each stays, and the next gc ends."""
    ready = twinned(many(folder / "ready"))
    whole, words = held(many(folder / "newest")), ("store", "gc", "--yes")
    shutil.copytree(ready, folder / "whole")
    longest = took(folder / "whole", words)

    def check(store: Path) -> bool:
        if set(held(store)) != set(whole):
            return False
        collect_all(store)
        return held(store) == whole and not hidden(store)

    yield from ended(
        "gc", folder, times, seed, longest, words, lambda store: shutil.copytree(ready, store), check
    )


def of_removals(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """End `runs rm`: each run is whole or gone, and gc removes what is left of those that are gone."""
    ready, words = many(folder / "ready"), ("runs", "rm", "--yes")
    whole = held(ready)
    shutil.copytree(ready, folder / "whole")
    longest = took(folder / "whole", words)

    def check(store: Path) -> bool:
        left = held(store)
        if not left <= whole:
            return False
        collect_all(store)
        return held(store) == left and not hidden(store)

    yield from ended(
        "runs rm", folder, times, seed, longest, words, lambda store: shutil.copytree(ready, store), check
    )


def hidden(store: Path) -> list[str]:
    """Return what of a store no command lists; raises where there is any, as all was settled."""
    if found := [path.name for path in store.iterdir() if path.name.startswith(".")]:
        raise RuntimeError(f"it was not settled: {found}")
    return found


def ended(
    what: str,
    folder: Path,
    times: int,
    seed: int,
    longest: float,
    words: tuple[str, ...],
    prepare: Callable[[Path], object],
    check: Callable[[Path], bool],
) -> Iterator[Trial]:
    """End a command so many times, by each signal in turn, and check each store that it leaves."""
    moments = random.Random(f"{seed} {what}")
    for number in range(times):
        by, store = BY[number % len(BY)], folder / f"{what}-{number}"
        prepare(store)
        seconds = moments.uniform(0, longest)
        code, said = interrupted(store, words, seconds, by)
        part, how = f"{what} ended by {by.name}", f"after {seconds:.3f} s, exit {code}"
        try:
            if "Traceback" in said:
                raise RuntimeError(said)
            fine = check(store)
        except (ProbekitError, RuntimeError, OSError) as error:
            yield Trial(part, how, "lost", str(error)[-SHOWN:])
        else:
            yield Trial(part, how, "harmless" if fine else "accepted wrong", said[-SHOWN:])
        shutil.rmtree(store, ignore_errors=True)
