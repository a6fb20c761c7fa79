"""Several processes are put to one run and to one grid at once: each is trained once, and all end well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from faults.report import Trial

WORDS = [
    *(
        sys.executable,
        "-m",
        "probekit",
        "run",
        "nonlocality(test=16,train=64,validation=8)",
        "--scale",
        "smoke",
    ),
    *("--trainer", "supervised(batch=16,epochs=8)", "--device", "cpu", "--json"),
]
CROWDS = {"one run": ["-s", "unet"], "one grid": ["-s", "unet", "-s", "unet+average", "--seeds", "2"]}


def together(words: list[str], store: Path, count: int) -> list[tuple[int, str, str]]:
    """Start so many processes at once; return the exit code and what each printed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [*WORDS, *words, "--store", str(store)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(count)
    ]
    return [(one.returncode, *printed) for one in processes for printed in [one.communicate(timeout=600)]]


def of_crowds(folder: Path, times: int, seed: int, sizes: tuple[int, ...] = (4, 8)) -> Iterator[Trial]:
    """Put crowds to a run and to a grid, so many times each: exit 0, equal scores, one folder a run."""
    for number in range(times):
        for count in sizes:
            for what, words in CROWDS.items():
                store = folder / f"{what}-{count}-{number}-{seed}"
                ended = together(words, store, count)
                part = f"{count} processes on {what}"
                if any(code for code, _, _ in ended):
                    said = next(err for code, _, err in ended if code)
                    yield Trial(part, "at once", "lost", said.strip()[-300:])
                    continue
                rows = [json.loads(out) for _, out, _ in ended]
                scores = {json.dumps([row["metrics"] for row in one]) for one in rows}
                trained = sum(row["status"] == "done" for one in rows for row in one)
                runs = len(rows[0])
                fine = len(scores) == 1 and trained == runs == len(list(store.glob("*/result.json")))
                said = f"{len(scores)} different scores, {trained} trainings of {runs} runs"
                yield Trial(part, "at once", "harmless" if fine else "accepted wrong", said)
