"""An interval says within what a mean lies, over seeds or, of one seed, over its test items."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import isnan, sqrt
from statistics import fmean, stdev
from typing import Literal

from pydantic import BaseModel, ConfigDict

SHARE = 0.95
Over = Literal["seeds", "items"]


class Interval(BaseModel):
    """95 % of a mean; over: what was drawn anew in thought, `count` seeds or test items of one seed."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    over: Over
    count: int


def of_mean(values: Sequence[float], over: Over) -> Interval | None:
    """Return the interval of a mean by Student's t; NaN does not count. None for fewer than two values."""
    known = [value for value in values if not isnan(value)]
    if len(known) < 2:
        return None
    middle, half = fmean(known), quantile(len(known) - 1) * stdev(known) / sqrt(len(known))
    return Interval(low=middle - half, high=middle + half, over=over, count=len(known))


@functools.cache
def quantile(freedom: int) -> float:
    """Return within what Student's t of so many degrees of freedom lies 95 times in 100."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + SHARE) / 2))
