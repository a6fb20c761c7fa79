"""Golden hashes pin a probe's data to its version: they hash the first items at the smallest scale."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from probekit.catalog.part import Part
from probekit.plugin.interfaces import Dataset, Probe, Scale, Split
from probekit.plugin.items import read_batch

if TYPE_CHECKING:
    from torch import Tensor

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
FIRST_ITEMS = 8
"""How many first items of each split identify a probe."""


def list_splits(probe: Probe) -> tuple[Split, ...]:
    """Return the names of a probe's splits."""
    return (*SPLITS, "harder") if probe.harder else SPLITS


def load_split(probe: Probe, split: Split, seed: int) -> Dataset:
    """Return one split of a probe."""
    dataset: Dataset = cast("Any", probe).data(split, seed)
    return dataset


def smallest_scale(scales: Mapping[str, Scale]) -> str:
    """Return the name of the scale that checks use: smoke if there is one, else the first."""
    return "smoke" if "smoke" in scales else next(iter(scales))


def check_golden(source: Part) -> tuple[str, str] | None:
    """Compare a probe's data with the golden hash of its version.

    What the user typed changes nothing: the data have the parameters of the smallest scale.

    Returns:
        What differs and how to fix it; None if nothing differs or the version has no golden hash.
    """
    golden: Mapping[int, str] = getattr(source.target, "golden", {})
    if not golden:
        return None
    version, current_hash = _hash_once(source.target)
    if golden.get(version, current_hash) == current_hash:
        return None
    return (
        f"the data of version {version} hash to {current_hash}, and golden says {golden[version]}",
        f"Raise version to {version + 1} and add {version + 1}: '{current_hash}' to golden"
        " (or replace it, while nobody has results).",
    )


@functools.cache
def _hash_once(target: Callable[..., Probe]) -> tuple[int, str]:
    """Return a probe's version and hash, once per process: a grid runs many seeds of one probe."""
    scales: Mapping[str, Scale] = target.scales  # type: ignore[attr-defined]
    probe = target(**scales[smallest_scale(scales)].parameters)
    return probe.version, golden_hash(probe)


def golden_hash(probe: Probe) -> str:
    """Return the hash of the first items of each split, as `golden` holds it."""
    content = b"".join(hash_split(probe, split) for split in list_splits(probe))
    return hashlib.sha256(content).hexdigest()[:16]


def first_items(probe: Probe, split: Split) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of a split's first items at seed 0."""
    data = load_split(probe, split, 0)
    return read_batch(data, range(min(FIRST_ITEMS, len(data))))


def hash_split(probe: Probe, split: Split) -> bytes:
    """Return the sha256 of each of a split's first inputs and targets, one after the other."""
    return b"".join(digest for column in first_items(probe, split) for digest in hash_items(column))


def hash_items(tensor: Tensor) -> list[bytes]:
    """Return the sha256 of each item: type, shape and values in C order."""
    head = f"{tensor.dtype} {tuple(tensor.shape[1:])}".encode()
    return [hashlib.sha256(head + item.contiguous().numpy().tobytes()).digest() for item in tensor.cpu()]
