"""The csv observer: a row per run and metric in one file, however many processes write to it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from probekit.plugin.hookspecs import RunResult, hookimpl

WAIT = 60.0
"""Seconds to wait for other processes that write. A folder that takes no lock would let it wait for ever."""

COLUMNS = (
    *("folder", "probe", "structure", "trainer", "scale", "seed", "parameters", "status", "verdict"),
    *("metric", "test", "training", "extrapolation", "floor", "steps", "seconds", "error"),
)


class Csv:
    """Append a row for each metric of each run that ends. A run that failed has one row, without scores.

    Args:
        path: the file. Its first row has the names of the columns.
    """

    def __init__(self, *, path: str = "probekit-runs.csv") -> None:
        self.path = Path(path).expanduser().absolute()
        self.lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=WAIT)

    @hookimpl
    def probekit_run_finished(self, result: RunResult, path: Path) -> None:
        """Write the rows of a run."""
        with self.lock, self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerows(list_rows(result, path))


def list_rows(result: RunResult, path: Path) -> Iterator[dict[str, Any]]:
    """Yield a row per metric; one without scores if there is none."""
    plan = result.plan
    run = {
        "folder": path,
        "probe": plan.probe,
        "structure": plan.structure,
        "trainer": plan.trainer,
        "scale": plan.scale,
        "seed": plan.seed,
        "parameters": plan.parameters,
        "status": result.status,
        "verdict": result.verdict,
        "steps": result.steps,
        "seconds": result.seconds,
        "error": result.error,
    }
    for metric in result.metrics or ("",):
        scores = {
            "test": result.metrics.get(metric),
            "training": result.train.get(metric),
            "extrapolation": result.extrapolation.get(metric),
            "floor": result.floors.get(metric),
        }
        yield {**run, "metric": metric, **scores}
