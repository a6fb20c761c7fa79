"""Numbers of any size are typed: each is planned or refused, soon and in little memory."""

from __future__ import annotations

import contextlib
import io
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from faults.report import Trial, judged
from probekit.cli import app
from probekit.plugin.errors import UsageError

DRY = ("--dry-run", "--scale", "smoke")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run", "nonlocality(train=N)", "-s", "unet", *DRY),
    ("run", "nonlocality(size=N)", "-s", "unet", *DRY),
    ("run", "nonlocality(height=N,width=N)", "-s", "unet+average", *DRY),
    ("run", "translation(size=N)", "-s", "lambda", *DRY),
    ("run", "grouping(size=N)", "-s", "mixer", *DRY),
    ("run", "grouping(test=N)", "-s", "lambda", *DRY),
    ("run", "nonlocality", "-s", "unet+lambda(keys=N)", *DRY),
    ("run", "nonlocality", "-s", "unet+linformer(rank=N)", *DRY),
    ("run", "nonlocality", "-s", "unet+transformer(heads=N)", *DRY),
    ("run", "nonlocality", "-s", "unet+lambda+pe(frequencies=N)", *DRY),
    ("run", "nonlocality", "-s", "plain(depth=N)", *DRY),
    ("run", "nonlocality", "-s", "unet", "--width", "N", *DRY),
    ("run", "nonlocality", "-s", "unet", "--budget", "N", *DRY),
    ("run", "nonlocality", "-s", "unet", "--seeds", "N", *DRY),
    ("run", "nonlocality", "-s", "unet", "--seed", "N", *DRY),
    ("run", "nonlocality", "-s", "unet", "--trainer", "supervised(batch=N)", *DRY),
    ("run", "nonlocality", "-s", "unet", "--trainer", "supervised(epochs=N)", *DRY),
    ("data", "nonlocality(size=N)", "--count", "1", "--scale", "smoke"),
    ("run", "recall(pairs=N)", "-s", "plain+average", *DRY),
    ("run", "state-tracking(moves=N)", "-s", "plain+gru", *DRY),
    ("run", "parity(moves=N)", "-s", "plain+deltanet", *DRY),
    ("data", "translation(size=N)", "--count", "1", "--scale", "smoke"),
)
SOON, MUCH = 60.0, 2 << 30


def of_sizes(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Type each command with so many numbers, from one of a digit to one of thirty."""
    chance = random.Random(f"{seed} sizes")
    with contextlib.chdir(folder):
        for number in range(times):
            for words in COMMANDS:
                typed = str(chance.randrange(10 ** chance.randrange(4, 31)))

                def fine(words: tuple[str, ...] = words, typed: str = typed) -> bool:
                    begun, before = time.process_time(), memory()
                    code, said = called([word.replace("N", typed) for word in words])
                    taken, more = time.process_time() - begun, memory() - before
                    if taken > SOON or more > MUCH:
                        raise RuntimeError(f"{typed}: {taken:.0f} s and {more >> 20} MiB")
                    if code == 2 and "Traceback" not in said:
                        raise UsageError(typed, said.strip())
                    if code:
                        raise RuntimeError(f"{typed}: exit {code}, {said}"[:600])
                    return True

                yield judged(" ".join(words[:4]), str(number), fine)


def called(words: list[str]) -> tuple[int, str]:
    """Run a command here; return its exit code and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            typer.main.get_command(app).main(words, prog_name="probekit")
        except SystemExit as end:
            return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def memory() -> int:
    """Return the most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
