"""Run by hand: how long the commands that read a store take when it is large.

python tests/benchmarks/store.py --runs 10000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from small import done

from probekit.storage.folder import Folder

COMMANDS = (
    ("list", "probe"),
    ("runs", "--json"),
    ("runs", "--status", "failed"),
    ("status",),
    ("store", "verify"),
    ("card", "--probe", "nonlocality(train=64)", "--scale", "smoke", "--json"),
)


def fill(root: Path, runs: int) -> None:
    """Train one small run, and store it again under other seeds; its files are linked, not copied."""
    first = done(root, trainer="supervised(batch=16,epochs=1)", probe="nonlocality(train=64)")
    for seed in range(1, runs):
        spec = first.result.plan.spec.model_copy(update={"seed": seed})
        plan = first.result.plan.model_copy(update={"seed": seed, "spec": spec})
        folder = Folder(root / plan.folder)
        folder.path.mkdir()
        folder.write_spec(plan)
        for name in first.result.files:
            os.link(first.folder.path / name, folder.path / name)
        folder.write_result(first.result.model_copy(update={"plan": plan}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), options.runs)
        print(f"{options.runs} runs; seconds, then those of `list`, which reads no store, as a measure")
        for words in COMMANDS:
            where = [] if words[0] == "list" else ["--store", folder]
            begun = time.perf_counter()
            command = [sys.executable, "-m", "probekit", *words, *where]
            code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
            print(f"{' '.join(words)}: {time.perf_counter() - begun:.1f} s, exit code {code}", flush=True)


if __name__ == "__main__":
    main()
