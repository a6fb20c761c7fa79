"""Run by hand: what it takes, once warm, to hash all that a plan on nonlocality rests on."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from small import job

from probekit.catalog.registry import registry
from probekit.plans.origin import origin

PLANS = ("unet+lambda", "unet+deformable", "lambda+cosine")
AIM = 50.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    print(f"plan                 median ms of {times}  aim below {AIM:g}")
    for structure in PLANS:
        parts = job(structure=structure).parts
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            for part in parts:
                origin(part, registry())
            taken.append(1e3 * (time.perf_counter() - start))
        print(f"{structure:19}  {statistics.median(taken):9.1f}")


if __name__ == "__main__":
    main()
