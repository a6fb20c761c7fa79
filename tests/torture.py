"""Run by hand: damage runs, stores and texts, and print a table of what came of it.

python tests/torture.py --times 200 --seed 0
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from faults import cards, crowd, disks, kills, merges, ranks, sizes, spoil, studies, words
from faults.report import Trial, bad, table

PARTS: Mapping[str, tuple[Callable[[Path, int, int], Iterator[Trial]], float]] = {
    "kills": (kills.of_runs, 0.5),
    "grids": (kills.of_grids, 0.15),
    "signals": (kills.of_signals, 0.1),
    "ranks": (ranks.of_ranks, 0.1),
    "finished": (spoil.of_finished, 1),
    "unfinished": (spoil.of_unfinished, 0.34),
    "crowds": (crowd.of_crowds, 0.02),
    "cards": (cards.of_spoilt, 1),
    "hostile": (cards.of_hostile, 1),
    "mutants": (cards.of_mutants, 5),
    "links": (disks.of_links, 1),
    "disks": (disks.of_full, 0.1),
    "merges": (merges.of_merges, 0.5),
    "collections": (merges.of_collections, 0.5),
    "removals": (merges.of_removals, 0.25),
    "sizes": (sizes.of_sizes, 0.05),
    **studies.ALL,
    "grammar": (lambda folder, times, seed: words.of_grammar(times, seed), 5),
}
"""By name: what is done, and how many times of each kind for one that is asked for."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=PARTS, action="append")
    options = parser.parse_args()
    trials: list[Trial] = []
    for name in options.part or PARTS:
        fault, share = PARTS[name]
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trials += fault(Path(folder), max(1, round(options.times * share)), options.seed)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(table(trials))
    for trial in bad(trials):
        print(f"- {trial.part}, {trial.how}: {trial.outcome}. {trial.said}")
    return 1 if bad(trials) else 0


if __name__ == "__main__":
    sys.exit(main())
