"""Student's t distribution says how far a mean of few values can be off, for whole degrees of freedom.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import functools
from math import atan, cos, pi, sin, sqrt

SHARE = 0.95


def within(t: float, freedom: int) -> float:
    """Return the probability that |T| is at most |t|; raises ValueError for less than one degree."""
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom")
    angle = atan(abs(t) / sqrt(freedom))
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for step in range(2 + odd, freedom - 1, 2):
        term *= cos(angle) ** 2 * (step - 1) / step
        total += term
    if odd:
        return 2 / pi * (angle + sin(angle) * total)
    return sin(angle) * total


@functools.cache
def quantile(freedom: int, share: float = SHARE) -> float:
    """Return the t within which |T| lies with this probability."""
    low, high = 0.0, 1.0
    while within(high, freedom) < share:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < share else (low, middle)
    return (low + high) / 2
