"""A size is the memory that a run takes at the least; what exceeds the machine's is refused beforehand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

from probekit.catalog.part import Part
from probekit.errors import UsageError
from probekit.interfaces import Probe, Shape

LIMIT = Path("/sys/fs/cgroup/memory.max")
FLOAT = 4
COPIES = 4
"""Weights, gradients, and the two moments of most optimisers."""
SPLITS = ("train", "validation", "test")
FEW = 8
"""Items that are drawn at once at the least, wherever a probe is looked at."""
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def memory() -> int:
    """Return how many bytes of memory this process may have: the machine's, or its container's if less."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # no such thing on this system
        whole = 1 << 62
    try:
        return min(whole, int(LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return whole


def maps(shape: Shape, channels: int) -> int:
    """Return the bytes of one item's maps, float32."""
    return FLOAT * channels * prod(shape.size)


def of_items(shape: Shape, count: int) -> dict[str, int]:
    """Return what some items take as tensors."""
    return {f"{count:,} items": count * maps(shape, shape.inputs + shape.outputs)}


def of_data(part: Part, probe: Probe) -> dict[str, int]:
    """Return what its splits take at the least, a byte a number; of no probe that does not say how many.

    Of harder items, where there are some, there are as many as of the test.
    """
    splits = (*SPLITS, "test") if getattr(probe, "harder", "") else SPLITS
    counts = (part.params.get(split) for split in splits)
    items = sum(int(count) for count in counts if isinstance(count, int | float))
    return {"data": items * maps(probe.shape, probe.shape.inputs + probe.shape.outputs) // FLOAT}


def of_training(shape: Shape, trainer: Part, width: int | None, parameters: int) -> dict[str, int]:
    """Return what weights take with their gradients and moments, and one map of a batch, at the least."""
    batch = trainer.params.get("batch")
    items = int(batch) if isinstance(batch, int | float) else 1
    return {
        "weights": parameters * FLOAT * COPIES,
        "activations": items * maps(shape, max(shape.inputs, shape.outputs, width or 0)),
    }


def held(asked: str, needed: Mapping[str, int], most: int | None = None, hint: str = "Ask for less.") -> None:
    """Raise UsageError where what is needed, in bytes by what it is for, exceeds a limit.

    most: the limit, by default what this machine has. hint: what to type next.
    """
    limit = memory() if most is None else most
    if sum(needed.values()) > limit:
        parts = " and ".join(f"{human(size)} for {what}" for what, size in needed.items() if size)
        which = "this machine has" if most is None else "what is allowed here is"
        raise UsageError(asked, f"it takes at least {parts}, and {which} {human(limit)}", hint)


def made(part: Part, most: int | None = None) -> Probe:
    """Make a probe; raises UsageError where a few of its items exceed the limit, as `held` does."""
    probe: Probe = part.make()
    held(part.shown, of_items(probe.shape, FEW), most)
    return probe


def human(size: float) -> str:
    """Return bytes in the unit that people would use."""
    place = 0
    while size >= 1000 and place < len(UNITS) - 1:
        size, place = size / 1000, place + 1
    return f"{size:.3g} {UNITS[place]}"
