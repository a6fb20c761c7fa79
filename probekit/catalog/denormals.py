"""Denormal numbers are tiny floats at which a CPU is many times slower; training flushes them to zero.

Sharp attention is full of them. Each thread of torch copies the setting of the thread that starts it, and
keeps it. So either all threads flush or none does: a sum must not depend on which thread computes which part.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

GRAIN_SIZE = 1 << 15
"""The smallest number of elements that torch gives to a thread."""


def start_torch_threads(count: int) -> None:
    """Start `count` of torch's threads with flushing on; only for a process that is probekit's own.

    Call it before all other work: threads that already run keep their setting.
    """
    import torch

    torch.set_num_threads(count)
    if not is_flushing_denormals():
        torch.set_flush_denormal(True)
        keeps_denormals()  # starts the threads
        torch.set_flush_denormal(False)


def can_flush_denormals() -> bool:
    """Return whether all of torch's threads flush denormals when this thread does.

    It starts missing threads with the current setting of this thread, so later code finds them as usual.
    """
    import torch

    previous = is_flushing_denormals()
    keeps_denormals()  # starts the threads
    torch.set_flush_denormal(True)
    try:
        return not keeps_denormals()
    finally:
        torch.set_flush_denormal(previous)


@contextlib.contextmanager
def flush_denormals() -> Iterator[None]:
    """Flush denormals in the block, if all threads can."""
    import torch

    previous, can_flush = is_flushing_denormals(), can_flush_denormals()
    torch.set_flush_denormal(can_flush)
    try:
        yield
    finally:
        torch.set_flush_denormal(previous)


def is_flushing_denormals() -> bool:
    """Return whether this thread flushes denormals; torch has a setter but no getter."""
    smallest_normal = sys.float_info.min
    return smallest_normal / 4 == 0.0


def keeps_denormals() -> bool:
    """Halve the smallest normal number in each of torch's threads; return whether any result is not zero."""
    import torch

    smallest_normal = torch.full((torch.get_num_threads() * GRAIN_SIZE,), torch.finfo(torch.float32).tiny)
    return bool((smallest_normal / 2).view(torch.int32).any())
