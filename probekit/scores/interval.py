"""An interval bounds a mean, over seeds or over test items; a verdict judges that of an estimate."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import isnan, sqrt
from statistics import fmean, stdev
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.plans.finite import finite_or_none

CONFIDENCE = 0.95
Over = Literal["seeds", "items"]
Bounds = tuple[float | None, float | None]
"""The least and the greatest possible value; None where there is no limit."""
OPEN: Bounds = (None, None)


class Interval(BaseModel):
    """A confidence interval of a mean.

    Attributes:
        low: Lower end.
        high: Upper end.
        over: What the sample consists of: seeds, or the test items of one seed.
        count: The size of the sample.
        confidence: The level: how often such intervals cover the true mean.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    over: Over
    count: int
    confidence: float = CONFIDENCE


def mean_interval(values: Sequence[float], over: Over, bounds: Bounds = OPEN) -> Interval | None:
    """Return the interval of a mean by Student's t, clipped to the bounds of the values.

    The true mean lies within the bounds, so clipping does not change how often the interval covers it.

    Args:
        values: The sample. NaN does not count.
        over: What the sample consists of.
        bounds: The least and the greatest possible value.

    Returns:
        The interval, or None for fewer than two values or for an infinite one.
    """
    sample = [value for value in values if not isnan(value)]
    if len(sample) < 2 or any(finite_or_none(value) is None for value in sample):
        return None
    mean, margin = fmean(sample), t_quantile(len(sample) - 1) * stdev(sample) / sqrt(len(sample))
    low, high = clip_interval(mean - margin, mean + margin, bounds)
    return Interval(low=low, high=high, over=over, count=len(sample))


def clip_interval(low: float, high: float, bounds: Bounds) -> tuple[float, float]:
    """Return the ends of an interval, clipped to bounds; unchanged if it lies wholly outside."""
    least, greatest = bounds
    ends = low if least is None else max(low, least), high if greatest is None else min(high, greatest)
    return ends if ends[0] <= ends[1] else (low, high)


def difference_bounds(bounds: Bounds) -> Bounds:
    """Return the bounds of the difference of two values that both lie within `bounds`."""
    least, greatest = bounds
    return OPEN if least is None or greatest is None else (least - greatest, greatest - least)


@functools.cache
def t_quantile(freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t with `freedom` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
