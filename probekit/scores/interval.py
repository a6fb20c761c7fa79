"""An interval says within what a mean lies, over seeds or, of one seed, over its test items."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import isnan, sqrt
from statistics import fmean, stdev
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.plans.finite import finite

SHARE = 0.95
Over = Literal["seeds", "items"]
Bounds = tuple[float | None, float | None]
"""The least and the greatest that there can be, None where there is none."""
OPEN: Bounds = (None, None)


class Interval(BaseModel):
    """95 % of a mean; over: what was drawn anew in thought, `count` seeds or test items of one seed."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    over: Over
    count: int


def of_mean(values: Sequence[float], over: Over, bounds: Bounds = OPEN) -> Interval | None:
    """Return the interval of a mean by Student's t, kept within the bounds of the values.

    The true mean lies within the bounds, so that what is cut off never held it: an interval that is cut
    covers it just as often. NaN does not count; None for fewer than two values, or where one is not finite.
    """
    known = [value for value in values if not isnan(value)]
    if len(known) < 2 or any(finite(value) is None for value in known):
        return None
    middle, half = fmean(known), quantile(len(known) - 1) * stdev(known) / sqrt(len(known))
    low, high = kept(middle - half, middle + half, bounds)
    return Interval(low=low, high=high, over=over, count=len(known))


def kept(low: float, high: float, bounds: Bounds) -> tuple[float, float]:
    """Return the ends of an interval, kept within bounds; as they are where it lies beyond them."""
    least, most = bounds
    ends = low if least is None else max(low, least), high if most is None else min(high, most)
    return ends if ends[0] <= ends[1] else (low, high)


def apart(bounds: Bounds) -> Bounds:
    """Return the bounds of a difference of two values that both lie within bounds."""
    least, most = bounds
    return OPEN if least is None or most is None else (least - most, most - least)


@functools.cache
def quantile(freedom: int) -> float:
    """Return within what Student's t of so many degrees of freedom lies 95 times in 100."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + SHARE) / 2))
