"""Run by hand: what `--help` and `list` take against importing typer alone, interleaved."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "import typer": [sys.executable, "-c", "import typer"],
    "probekit --help": [sys.executable, "-m", "probekit", "--help"],
    "probekit list": [sys.executable, "-m", "probekit", "list"],
}
AIM = 3.0


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def loads_torch(command: list[str]) -> bool:
    """Tell whether the interpreter imported torch, as it says itself."""
    watched = [command[0], "-X", "importtime", *command[1:]]
    done = subprocess.run(watched, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return any(line.rpartition("|")[2].strip() == "torch" for line in done.stderr.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(times):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    print(f"command          median ms  ratio  aim  torch ({times} times each, interleaved)")
    for name, found in taken.items():
        ratio = statistics.median(
            one / alone for one, alone in zip(found, taken["import typer"], strict=True)
        )
        torch = "loaded" if loads_torch(COMMANDS[name]) else "no"
        print(f"{name:15}  {statistics.median(found) * 1e3:9.0f}  {ratio:5.2f}  {AIM:3g}  {torch}")


if __name__ == "__main__":
    main()
