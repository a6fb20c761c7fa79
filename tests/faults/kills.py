"""Runs are killed at random moments and gone on with: their weights and logs must be those of no kill."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults.report import Trial

KILLS = 3
ENDED = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes of runs that were ended; before our first line SIGTERM ends Python itself."""
COMMAND = [
    *(sys.executable, "-m", "probekit", "run", "nonlocality", "-s", "unet+lambda", "--scale", "smoke"),
    *("--trainer", "supervised(epochs=10)", "--device", "cpu", "--json", "--store"),
]


def run(store: Path, seconds: float | None, by: signal.Signals = signal.SIGKILL) -> int:
    """Start or go on with the run; end it after so many seconds, if it is not done by then."""
    with store.with_suffix(".said").open("w") as said:
        process = subprocess.Popen(
            [*COMMAND, str(store)],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(by)
        return process.wait()


def why(store: Path) -> str:
    """Return why the run failed."""
    return "".join(json.loads(path.read_text())["error"] for path in store.glob("*/result.json"))


def of_signals(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """End runs by SIGTERM likewise."""
    return of_runs(folder, times, seed, signal.SIGTERM)


def found(store: Path) -> tuple[str, str, int]:
    """Return the hashes of weights and log, and the log's rows, which must count every step once."""
    (folder,) = store.glob("nonlocality-*")
    result = json.loads((folder / "result.json").read_text())
    log = (folder / "log.jsonl").read_bytes()
    steps = [json.loads(line)["step"] for line in log.splitlines()]
    assert steps == list(range(1, result["steps"] + 1)), steps
    assert not list(folder.glob("checkpoint*")), "the checkpoint is removed at the end"
    return result["weights"], hashlib.sha256(log).hexdigest(), len(steps)


def of_runs(folder: Path, times: int, seed: int, by: signal.Signals = signal.SIGKILL) -> Iterator[Trial]:
    """End runs, up to three times each, so many times in all: each must end as if it had never been.

    One that two kills hit at the same place says so; it is told to be run anew.
    """
    moments = random.Random(f"{seed} kills")
    part = f"runs ended by {by.name}"
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    run(folder / "whole", None)
    took, whole, number, kills = time.monotonic() - begun, found(folder / "whole"), 0, 0
    while kills < times:
        store, number, own, begun = folder / str(number), number + 1, 0, time.monotonic()
        while (code := run(store, moments.uniform(0, took) if own < KILLS else None, by)) in ENDED:
            own, begun = own + 1, time.monotonic()
        kills += max(1, own)
        if code == 1 and "its process died" in why(store):
            yield Trial(part, f"{own} kills", "refused")
            continue
        if own == 0:  # the machine is faster now: aim earlier
            took = min(took, time.monotonic() - begun)
        if code:
            yield Trial(
                part, f"{own} kills", "lost", f"exit {code}: {store.with_suffix('.said').read_text()[-600:]}"
            )
            continue
        try:
            same = found(store) == whole
        except AssertionError as error:
            yield Trial(part, f"{own} kills", "lost", str(error))
        else:
            yield Trial(part, f"{own} kills", "harmless" if same else "accepted wrong")


GRID = [
    *(sys.executable, "-m", "probekit", "run", "nonlocality(test=16,train=64,validation=8)", "-s", "unet"),
    *("-s", "unet+average", "--scale", "smoke", "--trainer", "supervised(batch=16,epochs=20)", "--json"),
    *("--device", "cpu", "--store"),
]


def of_grids(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill one of two processes at a grid, or both: the other, or the next, ends it as it would have."""
    moments = random.Random(f"{seed} grids")
    begun = time.monotonic()
    assert start(folder / "whole").wait() == 0
    took, whole, number, kills = time.monotonic() - begun, trained(folder / "whole"), 0, 0
    while kills < times:
        store, number = folder / str(number), number + 1
        both = [start(store), start(store)]
        for victim in both[: 1 + number % 2]:  # one of them, then both
            time.sleep(moments.uniform(0, took / 2))
            victim.send_signal(signal.SIGKILL)
            kills += victim.wait() == -signal.SIGKILL
        codes = [process.wait() for process in both]
        code = start(store).wait()
        how = f"of two, ended with {codes}"
        if code == 1 and "its process died" in why(store):
            yield Trial("grids of two processes, killed", how, "refused")
        elif code:
            yield Trial("grids of two processes, killed", how, "lost", f"exit {code}")
        else:
            same = trained(store) == whole
            yield Trial("grids of two processes, killed", how, "harmless" if same else "accepted wrong")


def start(store: Path) -> subprocess.Popen[bytes]:
    """Start the grid, or go on with it."""
    return subprocess.Popen(
        [*GRID, str(store)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def trained(store: Path) -> dict[str, tuple[str, bytes]]:
    """Return the hash of the weights and the log of each run."""
    return {
        path.parent.name: (json.loads(path.read_text())["weights"], (path.parent / "log.jsonl").read_bytes())
        for path in store.glob("*/result.json")
    }
