"""An interval says within what a mean lies: over seeds by Student's t, of one seed by its test items."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.student import SHARE, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 1000


class Interval(BaseModel):
    """95 % of a mean; over: what was drawn anew in thought, `count` seeds or test items of one seed."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    over: Literal["seeds", "items"]
    count: int


def over_seeds(values: Sequence[float]) -> Interval | None:
    """Return the interval of a mean over seeds, by Student's t; None for fewer than two."""
    if len(values) < 2:
        return None
    half = quantile(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Interval(low=mean(values) - half, high=mean(values) + half, over="seeds", count=len(values))


def over_items(values: NDArray[Any]) -> Interval | None:
    """Return the interval of a mean over test items, (items,) with NaN where a metric does not apply.

    Source: the percentile bootstrap of Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of
    Statistics, 1979; 1,000 resamples, always the same. None for fewer than two items.
    """
    import numpy as np

    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return None
    centre = known.mean()
    means = centre + _draws(len(known)) @ (known - centre).astype(np.float32) / len(known)
    low, high = np.quantile(means, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(low=float(low), high=float(high), over="items", count=len(known))


@functools.lru_cache(maxsize=2)
def _draws(count: int) -> NDArray[Any]:
    """Return how often each of `count` items is drawn in each resample, (resamples, count) float32."""
    import numpy as np

    generator = np.random.default_rng(0)
    drawn = np.empty((RESAMPLES, count), dtype=np.float32)
    for row in drawn:
        row[:] = np.bincount(generator.integers(0, count, count), minlength=count)
    return drawn
