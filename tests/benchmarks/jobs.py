"""Run by hand: a study of 24 smoke runs by one worker of one thread and by two, in turn.

python tests/benchmarks/jobs.py --times 2
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
probes = ["translation", "grouping"]
structures = ["lambda", "lambda+pe", "average", "transformer"]
scales = ["smoke"]
seeds = 3
"""


def timed(folder: Path, jobs: int) -> float:
    """Run the study into a new store; return the seconds it took."""
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    words = ["-q", "run", "--study", "study.toml", "--executor", f"local(jobs={jobs},threads=1)", "--json"]
    with tempfile.TemporaryDirectory(dir=folder) as store:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "probekit", *words, "--store", store]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        spent = time.perf_counter() - begun
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["done"] * 24
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        spent: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(times):
            for jobs, found in spent.items():
                found.append(timed(Path(folder), jobs))
    one, two = (min(found) for found in spent.values())
    print(json.dumps({"one s": round(one, 1), "two s": round(two, 1), "ratio": round(one / two, 2)}))


if __name__ == "__main__":
    main()
