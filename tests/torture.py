"""Run by hand: kill a run at random moments, go on, and print the hashes, which must be equal."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=3, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        run(Path(folder, "whole"), None)
        took = time.monotonic() - begun
        whole = found(Path(folder, "whole"))
        print(f"uninterrupted  weights {whole[0][:16]}  log {whole[1][:16]}  {whole[2]} rows  {took:.1f} s")
        for number in range(1, options.runs + 1):
            store = Path(folder, str(number))
            kills, begun = 0, time.monotonic()
            while run(store, moments.uniform(0, took) if kills < options.kills else None) != 0:
                kills, begun = kills + 1, time.monotonic()
            if kills == 0:  # the machine is faster now: aim earlier
                took = min(took, time.monotonic() - begun)
            got = found(store)
            seen.add(got)
            said = "equal" if got == whole else "DIFFERENT"
            print(
                f"run {number:2}  {kills} kills  weights {got[0][:16]}  log {got[1][:16]}  {said}", flush=True
            )
    print("all equal" if seen == {whole} else "NOT EQUAL")
    return 0 if seen == {whole} else 1


if __name__ == "__main__":
    sys.exit(main())
