"""Run by hand: what `probekit list` takes with fifty more plugins installed, interleaved with none."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from conftest import install, plugin_text

COUNT, AIM = 50, 2.0


def seconds(path: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "probekit", "list"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "PYTHONPATH": path})
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        for number in range(COUNT):
            name = f"crowd-{number}"
            text = plugin_text(f"'layer', '{name}', 'crowd_{number}.layer:Layer', 'one of many'")
            module = f"crowd_{number}"
            install(Path(folder), f"probekit-{name}", {name: module}, {f"{module}/__init__.py": text})
        pairs = [(seconds(""), seconds(folder)) for _ in range(times)]
    ratios = [crowd / alone for alone, crowd in pairs]
    alone, crowd = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"probekit list, median of {times}: {alone:.0f} ms with no other plugin, {crowd:.0f} ms with {COUNT}"
    )
    print(f"ratio {statistics.median(ratios):.2f}, aim below {AIM:g}")


if __name__ == "__main__":
    main()
