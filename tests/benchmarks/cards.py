"""Run by hand: how long a card of many runs takes, its files checked and unchecked, in turn.

python tests/benchmarks/cards.py --runs 1000
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from small import done

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.storage.folder import RESULT, Folder
from probekit.storage.result import Result
from probekit.storage.store import Store


def many(root: Path, runs: int) -> Store:
    """Train one run at the quick scale's width, and copy it under other seeds."""
    first = done(root, scale="quick", trainer="supervised(batch=16,epochs=1)", probe="nonlocality(train=256)")
    for seed in range(1, runs):
        spec = first.result.plan.spec.model_copy(update={"seed": seed})
        plan = first.result.plan.model_copy(update={"seed": seed, "spec": spec})
        folder = Store(root).new_run(plan)
        for name in first.result.files:
            shutil.copyfile(first.folder.path / name, folder.path / name)
        folder.write_result(first.result.model_copy(update={"plan": plan}))
    return Store(root)


@contextmanager
def unchecked() -> Iterator[None]:
    """Read no file beside the results."""
    before = Folder.check_files

    def nothing(folder: Folder, result: Result, but: str = "") -> None:
        return

    Folder.check_files = nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        Folder.check_files = before  # type: ignore[method-assign]


def timed(store: Store) -> float:
    begun = time.perf_counter()
    make_card(store, registry())
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = many(Path(folder), options.runs)
        size = sum(path.stat().st_size for path in Path(folder).glob("*/*"))
        print(
            f"{options.runs} runs, {size / 1e6:.0f} MB, {len(list(Path(folder).glob(f'*/{RESULT}')))} results"
        )
        timed(store)
        pairs = []
        for _ in range(options.times):
            checked = timed(store)
            with unchecked():
                pairs.append((checked, timed(store)))
        checked, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(json.dumps({"checked s": round(checked, 2), "unchecked s": round(bare, 2)}))


if __name__ == "__main__":
    main()
