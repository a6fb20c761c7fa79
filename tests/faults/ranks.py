"""Ranks of fabric are killed at random moments: the run must end by itself, and go on to what it would be."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults.kills import trained, why
from faults.report import Trial

PART = "ranks of fabric, killed"
COMMAND = [
    *(sys.executable, "-m", "probekit", "run", "nonlocality(test=16,train=64,validation=8)"),
    *("-s", "unet+average", "--scale", "smoke", "--trainer", "fabric(devices=2,batch=16,epochs=60)"),
    *("--device", "cpu", "--json", "--store"),
]
PATIENCE = 300.0
"""Seconds after which a run is held to hang; one takes some ten."""


def start(store: Path) -> subprocess.Popen[bytes]:
    """Start the run, or go on with it."""
    with store.with_suffix(".said").open("w") as said:
        return subprocess.Popen(
            [*COMMAND, str(store)],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def ranks_of(parent: int) -> list[int]:
    """Return the ranks of a run."""
    command = ["pgrep", "-P", str(parent), "-f", "multiprocessing-fork"]
    return [int(one) for one in subprocess.run(command, capture_output=True, text=True).stdout.split()]


def await_ranks(process: subprocess.Popen[bytes]) -> None:
    """Wait until a run's first rank is started."""
    while process.poll() is None and not ranks_of(process.pid):
        time.sleep(0.02)


def kill_one(process: subprocess.Popen[bytes], seconds: float, chance: random.Random) -> int | None:
    """Kill a rank so many seconds after the first was started; return which, None where there was none."""
    await_ranks(process)
    time.sleep(seconds)
    ranks = ranks_of(process.pid)
    if process.poll() is not None or not ranks:
        return None
    number = chance.randrange(len(ranks))
    try:
        os.kill(ranks[number], signal.SIGKILL)
    except ProcessLookupError:
        return None
    return number


def of_ranks(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill a rank of so many runs: each must end, name the rank, leave no process, and go on to the same."""
    chance = random.Random(f"{seed} ranks")
    process = start(folder / "whole")
    await_ranks(process)
    begun = time.monotonic()
    assert process.wait() == 0
    took, whole, kills, number = time.monotonic() - begun, trained(folder / "whole"), 0, 0
    while kills < times:
        store, number = folder / str(number), number + 1
        process = start(store)
        victim = kill_one(process, chance.uniform(0, took), chance)
        kills += victim is not None
        ranks = ranks_of(process.pid)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            yield Trial(PART, f"rank {victim}", "lost", "it hangs")
            continue
        said = why(store)
        if victim is not None and code and f"rank {victim} was killed by SIGKILL" not in said:
            yield Trial(PART, f"rank {victim}", "lost", f"exit {code}: {said}")
            continue
        if left := [one for one in ranks if Path(f"/proc/{one}").exists()]:
            yield Trial(PART, f"rank {victim}", "lost", f"{left} are left")
            continue
        if code and (again := start(store).wait(PATIENCE)):
            yield Trial(PART, f"rank {victim}", "lost", f"gone on with, exit {again}: {why(store)}")
            continue
        same = trained(store) == whole
        yield Trial(PART, f"rank {victim}", "harmless" if same else "accepted wrong")
