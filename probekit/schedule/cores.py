"""Cores are shared out: how many threads a run takes, and how many runs go at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

THREADS = "OMP_NUM_THREADS"
SHORT = 20.0
"""Seconds that all runs take together, up to which starting workers costs more than it gains."""


def default_threads() -> int:
    """Return the threads of a run: what OMP_NUM_THREADS says, else one.

    Small networks gain little from a second thread, and lose much once another process wants its core. One
    thread also gives the same numbers on machines with different numbers of cores.
    """
    text = os.environ.get(THREADS, "").split(",")[0]
    return int(text) if text.isdecimal() and int(text) else 1


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_jobs(runs: int, threads: int, device: str | None, seconds: float) -> int:
    """Return how many runs go at once: all cores on a CPU, one run per GPU.

    Args:
        runs: how many there are.
        threads: of each.
        device: as typed; None for the fastest there is.
        seconds: what all of them take together, as far as it is known.
    """
    from probekit.runs.machine import choose_device

    if runs < 2 or seconds <= SHORT:
        return 1
    chosen = choose_device(device)
    if chosen.type == "cpu":
        return max(1, min(runs, count_cores() // threads))
    return min(runs, count_gpus(chosen.index))


def has_gpus(device: str | None) -> bool:
    """Return whether runs on a device as typed go to this machine's GPUs."""
    from probekit.runs.machine import choose_device

    return choose_device(device).type == "cuda"


def count_gpus(index: int | None) -> int:
    """Return how many GPUs runs may use: one where its index was typed, and on mps."""
    import torch

    return max(1, torch.cuda.device_count()) if index is None else 1


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
