"""Denormal numbers lie next to zero: nothing is learned from them, and a CPU is many times slower at them.

An attention that has become sharp is full of them. A thread of torch treats them as the one that started it
did then, and keeps to that; so they are taken as zero by all threads or by none, as a sum must not depend on
which thread took which part.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

GRAIN = 1 << 15
"""Numbers that torch gives to a thread at the least."""


def start_threads(count: int) -> None:
    """Start so many of torch's threads, which take them as zero: for a process that is ours alone.

    It comes before all other work: threads that are there already keep to what they do.
    """
    import torch

    torch.set_num_threads(count)
    if not flushing():
        torch.set_flush_denormal(True)
        halves()
        torch.set_flush_denormal(False)


def flushable() -> bool:
    """Tell whether all of torch's threads take them as zero where this one does.

    Threads that are not there yet start as this one is: what runs after us finds them as it would without us.
    """
    import torch

    was = flushing()
    halves()
    torch.set_flush_denormal(True)
    try:
        return not halves()
    finally:
        torch.set_flush_denormal(was)


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Take them as zero meanwhile, where all threads can."""
    import torch

    was, can = flushing(), flushable()
    torch.set_flush_denormal(can)
    try:
        yield
    finally:
        torch.set_flush_denormal(was)


def flushing() -> bool:
    """Tell whether this thread takes them as zero; torch sets it, and does not tell."""
    least = sys.float_info.min
    return least / 4 == 0.0


def halves() -> bool:
    """Halve the least normal number in each of torch's threads; tell whether any got more than zero."""
    import torch

    least = torch.full((torch.get_num_threads() * GRAIN,), torch.finfo(torch.float32).tiny)
    return bool((least / 2).view(torch.int32).any())
