"""Comparison says which structures are behind the best, and which pairs differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from pydantic import BaseModel, ConfigDict

from probekit.evidence.differences import ALPHA, find_behind, find_differing, find_p
from probekit.evidence.estimate import Estimate, add_variances
from probekit.plugin.interfaces import Metric
from probekit.scores.interval import Bounds, Interval, difference_bounds

INSEPARABLE = "not separable at this scale"
BEST, BEHIND, UNKNOWN = "best", "behind", "no order claimed"


class Difference(BaseModel):
    """The mean of one structure minus the mean of another.

    Attributes:
        mean: The difference.
        interval: Its interval, at the confidence at which it is judged.
        p: Two-sided p-value, not corrected; None for fewer than three of what it is over.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    interval: Interval | None
    p: float | None


def subtract_estimates(first: Estimate, second: Estimate, bounds: Bounds, alpha: float = ALPHA) -> Difference:
    """Return first minus second by Welch's t.

    Args:
        first: The first estimate.
        second: The second, which is subtracted.
        bounds: Bounds of the scores.
        alpha: Probability that the interval misses the true difference.
    """
    square, freedom = add_variances(first.error**2, first.freedom, second.error**2, second.freedom)
    estimate = Estimate(
        mean=first.mean - second.mean,
        error=sqrt(square),
        freedom=float(freedom),
        seeds=first.seeds + second.seeds,
    )
    low, high = estimate.interval(difference_bounds(bounds), 1 - alpha)
    return Difference(
        mean=estimate.mean,
        interval=Interval(low=low, high=high, over="seeds", count=estimate.seeds),
        p=find_p(estimate),
    )


def list_moments(
    estimates: Iterable[Estimate], sign: int = 1
) -> tuple[list[float], list[float], list[float]]:
    """Return means times `sign`, squared errors and degrees of freedom."""
    rows = [(sign * one.mean, one.error**2, one.freedom) for one in estimates]
    means, squares, freedoms = map(list, zip(*rows, strict=True))
    return means, squares, freedoms


def rank_structures(
    estimates: Mapping[str, Estimate | None], metric: Metric, decides: bool = True
) -> dict[str, tuple[str, Difference | None]]:
    """Compare each structure with the one that has the best mean.

    Args:
        estimates: Estimates of the means by structure; None where nothing tells how much seeds vary.
        metric: The metric of the means.
        decides: Whether the scale can decide anything.

    Returns:
        By structure, its standing and its difference from the best mean. A structure is behind if another is
        better, by multiple comparisons with the best; not separable otherwise. No order is claimed without an
        estimate, or at a scale that does not decide. The best mean is the best only if all others are behind.
    """
    known = {name: estimate for name, estimate in estimates.items() if estimate is not None}
    standings: dict[str, tuple[str, Difference | None]] = dict.fromkeys(estimates, (UNKNOWN, None))
    sign = 1 if metric.better == "higher" else -1
    if len(estimates) == 1:
        return dict.fromkeys(estimates, ("", None))
    if not known:
        return standings
    first = max(known, key=lambda name: sign * known[name].mean)
    behind = find_behind(*list_moments(known.values(), sign))
    alpha = ALPHA / max(len(known) - 1, 1)
    for name, is_behind in zip(known, behind.tolist(), strict=True):
        word = UNKNOWN if not decides else BEHIND if is_behind else INSEPARABLE
        difference = subtract_estimates(known[name], known[first], metric.bounds, alpha)
        standings[name] = (word, difference)
    words = {standing for name, (standing, _) in standings.items() if name != first}
    standings[first] = (next((word for word in (UNKNOWN, INSEPARABLE) if word in words), BEST), None)
    return standings


@dataclass(frozen=True, slots=True)
class Standing:
    """The structures that one beats, and those it cannot be told from."""

    structure: str
    better_than: tuple[str, ...]
    inseparable_from: tuple[str, ...]

    def describe(self) -> str:
        """Return the standing in words."""
        parts = [f"better than {', '.join(self.better_than)}"] if self.better_than else []
        if self.inseparable_from:
            parts.append(f"{INSEPARABLE} from {', '.join(self.inseparable_from)}")
        return f"{self.structure}: {'; '.join(parts) or 'better than none of these'}"


def compare_structures(estimates: Mapping[str, Estimate | None], better: str) -> list[Standing] | None:
    """Compare all pairs of structures, corrected for how many there are.

    Args:
        estimates: Estimates of the means by structure.
        better: Whether "higher" or "lower" means are better.

    Returns:
        The structures in their order, or None if no order can be claimed because one has no estimate.
    """
    known = {name: estimate for name, estimate in estimates.items() if estimate is not None}
    if len(known) < max(len(estimates), 2):
        return None
    names = list(known)
    differs = find_differing(*list_moments(known.values())).tolist()
    sign = 1 if better == "higher" else -1

    def list_rivals(index: int) -> tuple[Sequence[str], Sequence[str]]:
        """Return the structures that one beats, and those it cannot be told from."""
        mean = known[names[index]].mean
        beaten = [
            rival
            for other, rival in enumerate(names)
            if differs[index][other] and sign * (mean - known[rival].mean) > 0
        ]
        alike = [rival for other, rival in enumerate(names) if other != index and not differs[index][other]]
        return beaten, alike

    return [Standing(name, *map(tuple, list_rivals(index))) for index, name in enumerate(names)]
