"""Data are a probe's splits, for any code that wants items to train or to look at."""

from __future__ import annotations

from typing import Any

from probekit.catalog.registry import registry
from probekit.errors import UsageError
from probekit.interfaces import Dataset, Split
from probekit.plans.golden import split_of, splits_of
from probekit.plans.scale import probe_at


def data(
    probe: str = "nonlocality", *, split: Split = "test", scale: str = "quick", seed: int = 0, **params: Any
) -> Dataset:
    """Return a split of a probe as a torch Dataset of (input, target), drawn as it is asked for.

    For nonlocality: float32 RGB 3 x H x W in [0, 1] and float32 depth 1 x H x W. params: of the probe.
    Raises UsageError for an unknown name, scale, split or parameter.
    """
    made = probe_at(probe, scale, registry(), **params)
    if split not in (have := splits_of(made)):
        raise UsageError(f"split {split!r}", "there is no such split", f"Type one of {', '.join(have)}.")
    return split_of(made, split, seed)
