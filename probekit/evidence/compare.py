"""Comparing tells which structures differ, seed by seed, and claims no order within a scale's noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict

from probekit.interfaces import Metric
from probekit.scores.interval import OPEN, Bounds, Interval, Over, of_mean, quantile
from probekit.scores.interval import apart as apart_by
from probekit.storage.alike import asks_alike, group_alike
from probekit.storage.result import Result

FREEDOM = 4
"""The fewest degrees of freedom that a scale's noise is pooled over."""
SEEDS = 3
"""The fewest seeds whose spread a claim rests on."""
CHANCE = 0.05
"""How often at the most structures that do not differ are said to, of all that are compared at once."""
INSEPARABLE = "not separable at this scale"
BEST, BEHIND, UNKNOWN = "best", "behind", "no order claimed"


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


def freedom_of(several: Iterable[Mapping[int, float]], noise: float) -> int:
    """Return the degrees of freedom of a scale's noise, given all scores by seed that are compared.

    Those seeds are as good a measure of it as what it was pooled over, and have degrees of their own; where
    they vary more than it says, they speak of other trainings, and nothing is known but its fewest.
    """
    degrees, squares = 0, 0.0
    for scores in several:
        middle = sum(scores.values()) / len(scores)
        degrees += len(scores) - 1
        squares += sum((score - middle) ** 2 for score in scores.values())
    # noise is kept to three digits
    return max(FREEDOM, degrees) if squares <= degrees * (noise * 1.005) ** 2 else FREEDOM


def p_of(
    one: Mapping[int, float], other: Mapping[int, float], noise: float | None, freedom: int = FREEDOM
) -> float | None:
    """Return the probability of means as far apart where there is no difference, two-sided.

    By the scale's noise, of so many degrees of freedom, where that is known, or by the spread of their own
    differences, seed by seed, where that is larger (a training may be less stable than those the noise was
    measured on); else by the latter alone. None for fewer than three seeds of either.
    """
    if min(len(one), len(other)) < SEEDS:
        return None
    if noise is not None:
        apart = mean(one.values()) - mean(other.values())
        within, spread = noise * sqrt(1 / len(one) + 1 / len(other)), own(one, other)
        if not (off := max(within, spread)):
            return float(not apart)
        return two_sided(apart / off, freedom if within >= spread else FREEDOM)
    found = paired(one, other)
    if found is None or found.seeds < SEEDS:
        return None
    return found.p if found.p is not None else float(found.mean == 0)


def own(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    """Return the standard error of a difference by the seeds that both have, 0 for fewer than two."""
    gaps = [value - other[seed] for seed, value in one.items() if seed in other]
    if len(gaps) < 2:
        return 0.0
    middle = sum(gaps) / len(gaps)  # statistics.stdev is exact, and takes fifty times as long
    return sqrt(sum((gap - middle) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps))


def holm(several: Sequence[float]) -> list[float]:
    """Return probabilities corrected for there being several of them (Holm 1979, Scand. J. Statist. 6)."""
    order = sorted(range(len(several)), key=lambda place: several[place])
    corrected, highest = [0.0] * len(several), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(several) - rank) * several[place]))
        corrected[place] = highest
    return corrected


def claims(
    scores: Mapping[str, Mapping[int, float]], noise: float | None
) -> dict[frozenset[str], bool | None]:
    """Tell for each pair whether it differs, all pairs being looked at; None where that cannot be claimed."""
    pairs = [frozenset(pair) for pair in combinations(scores, 2)]
    freedom = FREEDOM if noise is None else freedom_of(scores.values(), noise)
    found = {
        frozenset((a, b)): p_of(scores[a], scores[b], noise, freedom) for a, b in combinations(scores, 2)
    }
    known = [pair for pair in pairs if found[pair] is not None]
    corrected = dict(zip(known, holm([found[pair] or 0.0 for pair in known]), strict=True))
    return {pair: corrected[pair] < CHANCE if pair in corrected else None for pair in pairs}


def ranks(
    scores: Mapping[str, Mapping[int, float]], metric: Metric, noise: float | None, decides: bool = True
) -> dict[str, tuple[str, Difference | None]]:
    """Return how each structure, given its scores by seed, stands to the best mean, and its difference.

    It is behind where the two differ, corrected for all pairs of structures; not separable where they cannot
    be told apart; without three seeds of each, or at a scale that does not decide, no order is claimed. The
    best mean is the best where all others are behind, else as those it cannot be told from.
    """
    order = sorted(scores, key=lambda name: mean(scores[name].values()), reverse=metric.better == "higher")
    if not order:
        return {}
    first, *others = order
    differ = claims(scores, noise)
    said = {True: BEHIND, False: INSEPARABLE, None: UNKNOWN}
    found: dict[str, tuple[str, Difference | None]] = {
        name: (
            said[differ[frozenset((name, first))] if decides else None],
            paired(scores[name], scores[first], metric.bounds),
        )
        for name in others
    }
    reached = {standing for standing, _ in found.values()}
    leads = next((standing for standing in (UNKNOWN, INSEPARABLE) if standing in reached), BEST)
    return {first: (leads if others else "", None), **found}


@dataclass(frozen=True, slots=True)
class Standing:
    """One structure's mean over seeds, those it is better than, and those it cannot be told from."""

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
    """Return the structures in the order of the results, by one metric; None where no order can be claimed.

    That takes three seeds of each. Results of another probe, source or version of it, or scale must not be
    among them. Raises ValueError where they are.
    """
    if len(group_alike(results, asks_alike)) > 1:
        raise ValueError("results of different probes, code or versions of one, or scales are not compared")
    noises = {result.plan.noise.get(metric.name) for result in results}
    noise = noises.pop() if len(noises) == 1 else None
    seeds: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        score = result.metrics.get(metric.name)
        if score is not None:
            seeds[result.plan.structure][result.plan.seed] = score
    asked = {result.plan.structure: result.plan.spec.structure for result in results}
    differ = claims(seeds, noise)
    if not differ or None in differ.values():
        return None
    means = {name: mean(found.values()) for name, found in seeds.items()}
    sign = 1 if metric.better == "lower" else -1

    def told(name: str, apart: bool) -> tuple[str, ...]:
        """Return those that it is better than, or that it cannot be told from."""
        return tuple(
            asked[other]
            for other in means
            if other != name
            and differ[frozenset((name, other))] == apart
            and (not apart or sign * (means[other] - means[name]) > 0)
        )

    return [
        Standing(asked[name], means[name], len(seeds[name]), told(name, True), told(name, False))
        for name in means
    ]
