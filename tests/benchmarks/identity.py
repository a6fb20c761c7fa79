"""Run by hand: what it takes, once warm, to hash all that a plan rests on, and to find it in a store."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from small import job

from probekit.catalog.registry import registry
from probekit.plans.origin import origin
from probekit.storage.store import Store

PLANS = ("unet+lambda", "unet+deformable", "lambda+cosine")
COUNT, AIM = 10_000, 50.0


def median(times: int, what: Callable[[], object]) -> float:
    """Return the median of what it takes, in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    print(f"hashing a plan on nonlocality, median of {times}, aim below {AIM:g} ms")
    for structure in PLANS:
        parts = job(structure=structure).parts
        taken = median(times, lambda parts=parts: [origin(part, registry()) for part in parts])
        print(f"{structure:20} {taken:6.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(COUNT):
            (Path(folder) / f"nonlocality-unet-quick-s{number}-{number:012x}").mkdir()
        plan, store = job().plan, Store(folder)
        store.new(plan)
        print(f"finding a run among {COUNT:,}: {median(times, lambda: store.newest(plan)):.1f} ms")


if __name__ == "__main__":
    main()
