"""Limits: the least memory that a run takes; a run that exceeds the machine's is refused in advance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

from probekit.catalog.part import Part
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Probe, Shape

LIMIT = Path("/sys/fs/cgroup/memory.max")
FLOAT_BYTES = 4
COPIES = 4
"""Weights, gradients, and the two moments of most optimisers."""
SPLITS = ("train", "validation", "test")
MIN_ITEMS = 8
"""The least number of items that are drawn at once wherever a probe is inspected."""
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def available_memory() -> int:
    """Return the memory of this process in bytes: the machine's, or its container's if that is less."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # this system cannot tell
        total = 1 << 62
    try:
        return min(total, int(LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return total


def count_numbers(shape: Shape) -> int:
    """Return how many numbers an input and its target have together."""
    return shape.inputs * prod(shape.size) + shape.outputs * prod(shape.answer_size)


def tensor_bytes(shape: Shape, channels: int) -> int:
    """Return the bytes of one item's float32 tensor (channels, *size)."""
    return FLOAT_BYTES * channels * prod(shape.size)


def estimate_items(shape: Shape, count: int) -> dict[str, int]:
    """Return the bytes of some items' inputs and targets, by purpose."""
    return {f"{count:,} items": FLOAT_BYTES * count * count_numbers(shape)}


def estimate_data(part: Part, probe: Probe) -> dict[str, int]:
    """Return the least bytes of a probe's splits, one byte per number; 0 if it does not state their lengths.

    An extrapolation split has as many items as the test split.
    """
    splits = (*SPLITS, "test") if probe.harder else SPLITS
    counts = (part.params.get(split) for split in splits)
    items = sum(int(count) for count in counts if isinstance(count, int | float))
    return {"data": items * count_numbers(probe.shape)}


def estimate_training(shape: Shape, trainer: Part, width: int | None, parameters: int) -> dict[str, int]:
    """Return the least bytes of weights, gradients and moments, and of one batch of activations."""
    batch = trainer.params.get("batch")
    items = int(batch) if isinstance(batch, int | float) else 1
    return {
        "weights": parameters * FLOAT_BYTES * COPIES,
        "activations": items * tensor_bytes(shape, max(shape.inputs, shape.outputs, width or 0)),
    }


def check_memory(
    request: str, needed: Mapping[str, int], limit: int | None = None, hint: str = "Ask for less."
) -> None:
    """Check that a request fits into memory.

    Args:
        request: The request, for the message.
        needed: Bytes by purpose.
        most: The limit in bytes; None for this machine's memory.
        hint: What to type next.

    Raises:
        UsageError: The request needs more than the limit.
    """
    capacity = available_memory() if limit is None else limit
    if sum(needed.values()) > capacity:
        purposes = " and ".join(f"{format_bytes(size)} for {name}" for name, size in needed.items() if size)
        owner = "this machine has" if limit is None else "the limit here is"
        raise UsageError(request, f"it takes at least {purposes}, and {owner} {format_bytes(capacity)}", hint)


def make_probe(part: Part, most: int | None = None) -> Probe:
    """Make a probe; raises UsageError if a few of its items exceed the limit, as `check_memory` does."""
    probe: Probe = part.make()
    check_memory(part.display_name, estimate_items(probe.shape, MIN_ITEMS), most)
    return probe


def format_bytes(size: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} {UNITS[-1]}"
