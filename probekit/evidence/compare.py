"""Comparing tells which structures differ, seed by seed, and claims no order within a scale's noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict

from probekit.interfaces import Metric
from probekit.runs.interval import OPEN, Bounds, Interval, Over, of_mean, quantile
from probekit.runs.interval import apart as apart_by
from probekit.storage.result import Result

FREEDOM = 4
"""The fewest degrees of freedom that a scale's noise is pooled over."""
INSEPARABLE = "not separable at this scale"
BEST, TIED, BEHIND, UNKNOWN = "best", "tied", "behind", "no order claimed"


class Difference(BaseModel):
    """One structure's scores minus another's, seed by seed.

    interval: of the mean difference; p: of no difference, two-sided, by the paired t test; effect: mean over
    standard deviation of the differences (Cohen's d for pairs). None where fewer than two seeds, or seeds
    that do not differ, leave them open.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    seeds: int
    interval: Interval | None
    p: float | None
    effect: float | None


def paired(one: Mapping[int, float], other: Mapping[int, float], bounds: Bounds = OPEN) -> Difference | None:
    """Compare scores by seed over the seeds that both have; None where they share none.

    bounds: of the scores.
    """
    apart = [one[seed] - other[seed] for seed in sorted(set(one) & set(other))]
    return differing(apart, bounds) if apart else None


def differing(apart: Sequence[float], bounds: Bounds = OPEN, over: Over = "seeds") -> Difference:
    """Say what paired differences of scores with these bounds come to."""
    spread = stdev(apart) if len(apart) > 1 else 0.0
    effect = mean(apart) / spread if spread else None
    return Difference(
        mean=mean(apart),
        seeds=len(apart),
        interval=of_mean(apart, over, apart_by(bounds)),
        p=None if effect is None else two_sided(effect * sqrt(len(apart)), len(apart) - 1),
        effect=effect,
    )


def two_sided(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies further from zero than this."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))


def width(noise: float) -> float:
    """Return how far a score may be off by a scale's noise between seeds, 95 times in 100."""
    return quantile(FREEDOM) * noise


def separable(one: Mapping[int, float], other: Mapping[int, float], noise: float) -> bool:
    """Tell whether two means over seeds differ by more than the noise between seeds explains."""
    apart = abs(mean(one.values()) - mean(other.values()))
    return apart > width(noise) * sqrt(1 / len(one) + 1 / len(other))


def ranks(
    scores: Mapping[str, Mapping[int, float]], metric: Metric, noise: float | None
) -> dict[str, tuple[str, Difference | None]]:
    """Return how each structure, given its scores by seed, stands to the best mean, and its difference.

    It is not separable where the noise explains the difference of the means; tied where the interval of the
    paired difference holds zero; behind where neither is so. Without either of the two no order is claimed.
    The best mean is the best where all others are behind, else as those it cannot be told from.
    """
    order = sorted(scores, key=lambda name: mean(scores[name].values()), reverse=metric.better == "higher")
    if not order:
        return {}
    first, *others = order
    found: dict[str, tuple[str, Difference | None]] = {}
    for name in others:
        difference = paired(scores[name], scores[first], metric.bounds)
        interval = difference.interval if difference else None
        if noise is not None and not separable(scores[name], scores[first], noise):
            standing = INSEPARABLE
        elif interval is not None:
            standing = TIED if interval.low <= 0 <= interval.high else BEHIND
        else:
            standing = UNKNOWN if noise is None else BEHIND
        found[name] = standing, difference
    reached = {standing for standing, _ in found.values()}
    leads = next((standing for standing in (INSEPARABLE, TIED, UNKNOWN) if standing in reached), BEST)
    return {first: (leads if others else "", None), **found}


@dataclass(frozen=True, slots=True)
class Standing:
    """One structure's mean over seeds, those it is better than, and those the scale cannot tell it from."""

    structure: str
    mean: float
    seeds: int
    better_than: tuple[str, ...]
    inseparable_from: tuple[str, ...]

    def sentence(self) -> str:
        """Return the standing in words."""
        said = [f"better than {', '.join(self.better_than)}"] if self.better_than else []
        if self.inseparable_from:
            said.append(f"{INSEPARABLE} from {', '.join(self.inseparable_from)}")
        return f"{self.structure}: {'; '.join(said) or 'better than none of these'}"


def standings(results: Sequence[Result], metric: Metric) -> list[Standing] | None:
    """Return the structures, best first, by one metric of comparable results; None where the noise was not
    measured.

    Two structures of k and l seeds are separated where their means differ by more than 2.78 times the
    scale's noise times sqrt(1/k + 1/l). Results of another probe, source or version of it, or scale must not
    be among them. Raises ValueError where they are.
    """
    if len({result.plan.comparable for result in results}) > 1:
        raise ValueError(
            "results of different probes, sources or versions of one, or scales are not compared"
        )
    noises = {result.plan.noise.get(metric.name) for result in results}
    if len(noises) != 1 or None in noises:
        return None
    noise = noises.pop() or 0.0
    seeds: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        score = result.metrics.get(metric.name)
        if score is not None:
            seeds[result.plan.structure][result.plan.seed] = score
    asked = {result.plan.structure: result.plan.spec.structure for result in results}
    means = {name: mean(found.values()) for name, found in seeds.items()}
    order = sorted(means, key=lambda name: means[name], reverse=metric.better == "higher")

    def apart(one: str, other: str) -> bool:
        return separable(seeds[one], seeds[other], noise)

    return [
        Standing(
            asked[name],
            means[name],
            len(seeds[name]),
            tuple(asked[other] for other in order[place + 1 :] if apart(name, other)),
            tuple(asked[other] for other in order if other != name and not apart(name, other)),
        )
        for place, name in enumerate(order)
    ]
