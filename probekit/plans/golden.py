"""A golden hash pins a probe's data to its version: it is of the first items at its smallest scale."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from probekit.catalog.part import Part
from probekit.interfaces import Dataset, Probe, Scale, Split
from probekit.items import batch

if TYPE_CHECKING:
    from torch import Tensor

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def splits_of(probe: Probe) -> tuple[Split, ...]:
    """Return the splits that a probe has."""
    return (*SPLITS, "harder") if getattr(probe, "harder", "") else SPLITS


def split_of(probe: Probe, split: Split, seed: int) -> Dataset:
    """Return one of the splits that a probe has."""
    drawn: Dataset = cast("Any", probe).data(split, seed)
    return drawn


PINNED = 8
"""How many items of each split are hashed."""


def smallest(scales: Mapping[str, Scale]) -> str:
    """Return the scale that checks use, of one or more: the one called smoke, else the first."""
    return "smoke" if "smoke" in scales else next(iter(scales))


def broken(source: Part) -> tuple[str, str] | None:
    """Return how a probe's data differ from what its class calls golden of its version, and what to do.

    None where they do not, or golden does not speak of that version. What was typed changes nothing: the
    data are those of the smallest scale's own parameters.
    """
    golden: Mapping[int, str] = getattr(source.target, "golden", None) or {}
    if not golden:
        return None
    version, found = _first(source.target)
    if golden.get(version, found) == found:
        return None
    return (
        f"the data of version {version} hash to {found}, and golden says {golden[version]}",
        f"Raise version to {version + 1} and add {version + 1}: '{found}' to golden"
        " (or replace it, while nobody has results).",
    )


@functools.cache
def _first(target: Callable[..., Probe]) -> tuple[int, str]:
    """Return a probe's version and hash, drawn once in a process: a grid runs many seeds of one probe."""
    scales: Mapping[str, Scale] = target.scales  # type: ignore[attr-defined]
    probe = target(**scales[smallest(scales)].parameters)
    return probe.version, golden_hash(probe)


def golden_hash(probe: Probe) -> str:
    """Return the hash of the first items of each split, as `golden` holds it."""
    return hashlib.sha256(b"".join(_pinned(probe))).hexdigest()[:16]


def _pinned(probe: Probe) -> Iterator[bytes]:
    for split in splits_of(probe):
        data = split_of(probe, split, 0)
        for tensor in batch(data, range(min(PINNED, len(data)))):
            yield from digests(tensor)


def digests(tensor: Tensor) -> list[bytes]:
    """Return the sha256 of each item: type, shape and values in C order."""
    head = f"{tensor.dtype} {tuple(tensor.shape[1:])}".encode()
    return [hashlib.sha256(head + item.contiguous().numpy().tobytes()).digest() for item in tensor.cpu()]
