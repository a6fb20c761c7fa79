"""Data: a probe's splits for any code that wants items to train on or to look at."""

from __future__ import annotations

from typing import Any

from probekit.catalog.registry import registry
from probekit.plans.golden import list_splits, load_split
from probekit.plans.scale import make_probe_at
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Dataset, Split


def data(
    probe: str = "nonlocality", *, split: Split = "test", scale: str = "quick", seed: int = 0, **params: Any
) -> Dataset:
    """Return one split of a probe as a torch Dataset of (input, target), drawn on access.

    For nonlocality, inputs are float32 RGB 3 x H x W in [0, 1] and targets float32 depth 1 x H x W.

    Args:
        probe: The probe's name, with or without parameters.
        split: "train", "validation", "test", or "harder" if the probe has such a split.
        scale: The scale that gives the probe its parameters.
        seed: The seed of the split.
        **params: Parameters of the probe, on top of the scale's.

    Raises:
        UsageError: A name, scale, split or parameter is unknown.
    """
    scaled_probe = make_probe_at(probe, scale, registry(), **params)
    if split not in (names := list_splits(scaled_probe)):
        raise UsageError(f"split {split!r}", "there is no such split", f"Type one of {', '.join(names)}.")
    return load_split(scaled_probe, split, seed)
