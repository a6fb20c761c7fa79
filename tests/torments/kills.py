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

from torments.report import Trial

KILLS = 3
COMMAND = [
    *(sys.executable, "-m", "probekit", "run", "nonlocality", "-s", "unet+lambda", "--scale", "smoke"),
    *("--trainer", "supervised(epochs=10)", "--device", "cpu", "--json", "--store"),
]


def run(store: Path, seconds: float | None) -> int:
    """Start or go on with the run; kill it after so many seconds, if it is not done by then."""
    process = subprocess.Popen(
        [*COMMAND, str(store)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def found(store: Path) -> tuple[str, str, int]:
    """Return the hashes of weights and log, and the log's rows, which must count every step once."""
    (folder,) = store.glob("nonlocality-*")
    result = json.loads((folder / "result.json").read_text())
    log = (folder / "log.jsonl").read_bytes()
    steps = [json.loads(line)["step"] for line in log.splitlines()]
    assert steps == list(range(1, result["steps"] + 1)), steps
    assert not list(folder.glob("checkpoint*")), "the checkpoint is removed at the end"
    return result["weights"], hashlib.sha256(log).hexdigest(), len(steps)


def of_runs(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill runs, up to three times each, so many times in all: each must end as if it had never been."""
    moments = random.Random(f"{seed} kills")
    begun = time.monotonic()
    run(folder / "whole", None)
    took, whole, number, kills = time.monotonic() - begun, found(folder / "whole"), 0, 0
    while kills < times:
        store, number, own, begun = folder / str(number), number + 1, 0, time.monotonic()
        while (code := run(store, moments.uniform(0, took) if own < KILLS else None)) < 0:
            own, begun = own + 1, time.monotonic()
        kills += max(1, own)
        if own == 0:  # the machine is faster now: aim earlier
            took = min(took, time.monotonic() - begun)
        if code:
            yield Trial("killed runs", f"{own} kills", "lost", f"exit {code}")
            continue
        try:
            same = found(store) == whole
        except AssertionError as error:
            yield Trial("killed runs", f"{own} kills", "lost", str(error))
        else:
            yield Trial("killed runs", f"{own} kills", "harmless" if same else "accepted wrong")
