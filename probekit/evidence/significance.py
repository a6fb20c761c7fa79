"""Significance tests: differences of structures seed by seed, and the noise of a scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import sqrt
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict

from probekit.scores.interval import OPEN, Bounds, Interval, Over, mean_interval, t_quantile
from probekit.scores.interval import difference_bounds as difference_of_bounds

MIN_DEGREES_OF_FREEDOM = 4
"""The fewest degrees of freedom over which a scale's noise was pooled."""
MIN_SEEDS = 3
"""The fewest seeds on which a claim may rest."""
ALPHA = 0.05
"""Probability of any false claim among all pairs that are compared at once."""

SeedScores = Mapping[int, float]
"""Scores by seed."""


class Difference(BaseModel):
    """Scores of one structure minus scores of another, seed by seed.

    Attributes:
        mean: Mean difference.
        seeds: How many seeds both have.
        interval: 95 % interval of the mean difference.
        p: Two-sided p-value of the paired t-test.
        effect: Mean divided by the standard deviation of the differences (Cohen's d for pairs).

    `interval`, `p` and `effect` are None for fewer than two seeds; `p` and `effect` also if all differences
    are equal.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    seeds: int
    interval: Interval | None
    p: float | None
    effect: float | None


def paired_difference(first: SeedScores, second: SeedScores, bounds: Bounds = OPEN) -> Difference | None:
    """Compare two structures over the seeds that both have; None if they share none.

    Args:
        first: Scores of the first structure.
        second: Scores of the second, which are subtracted.
        bounds: Bounds of the scores.
    """
    differences = [first[seed] - second[seed] for seed in sorted(set(first) & set(second))]
    return paired_t(differences, bounds) if differences else None


def paired_t(differences: Sequence[float], bounds: Bounds = OPEN, over: Over = "seeds") -> Difference:
    """Summarise paired differences of scores that have these bounds."""
    spread = stdev(differences) if len(differences) > 1 else 0.0
    effect = mean(differences) / spread if spread else None
    p = None if effect is None else two_sided_p(effect * sqrt(len(differences)), len(differences) - 1)
    return Difference(
        mean=mean(differences),
        seeds=len(differences),
        interval=mean_interval(differences, over, difference_of_bounds(bounds)),
        p=p,
        effect=effect,
    )


def two_sided_p(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies further from zero than `t`."""
    from scipy.special import stdtr

    return 2 * float(stdtr(freedom, -abs(t)))


def noise_margin(noise: float) -> float:
    """Return how far a score may be off by a scale's noise between seeds, at 95 %."""
    return t_quantile(MIN_DEGREES_OF_FREEDOM) * noise


def is_separable(first: SeedScores, second: SeedScores, noise: float) -> bool:
    """Tell whether two means over seeds differ by more than the noise between seeds explains."""
    difference = abs(mean(first.values()) - mean(second.values()))
    return difference > noise_margin(noise) * sqrt(1 / len(first) + 1 / len(second))


def degrees_of_freedom(all_scores: Iterable[SeedScores], noise: float) -> int:
    """Return the degrees of freedom of a scale's noise, given the scores of all structures compared.

    Seeds that agree with the noise add their own degrees of freedom. Seeds that vary more come from other
    trainings than those on which the noise was measured; then the fewest degrees are returned.
    """
    degrees, squares = 0, 0.0
    for scores in all_scores:
        average = sum(scores.values()) / len(scores)
        degrees += len(scores) - 1
        squares += sum((score - average) ** 2 for score in scores.values())
    # 1.005: noise is stored with three digits
    return (
        max(MIN_DEGREES_OF_FREEDOM, degrees)
        if squares <= degrees * (noise * 1.005) ** 2
        else MIN_DEGREES_OF_FREEDOM
    )


def p_value(
    first: SeedScores, second: SeedScores, noise: float | None, freedom: int = MIN_DEGREES_OF_FREEDOM
) -> float | None:
    """Return the two-sided p-value of a difference of means.

    The standard error comes from the scale's noise, or from the structures' own paired differences if that is
    larger (a training may be less stable than those on which the noise was measured).

    Args:
        first: Scores of the first structure.
        second: Scores of the second structure.
        noise: The scale's noise between seeds, None if it was not measured.
        freedom: Degrees of freedom of the noise.

    Returns:
        The p-value, or None for fewer than three seeds of either structure.
    """
    if min(len(first), len(second)) < MIN_SEEDS:
        return None
    if noise is not None:
        difference = mean(first.values()) - mean(second.values())
        by_noise = noise * sqrt(1 / len(first) + 1 / len(second))
        by_pairs = standard_error(first, second)
        if not (error := max(by_noise, by_pairs)):
            return float(not difference)
        return two_sided_p(difference / error, freedom if by_noise >= by_pairs else MIN_DEGREES_OF_FREEDOM)
    pairs = paired_difference(first, second)
    if pairs is None or pairs.seeds < MIN_SEEDS:
        return None
    return pairs.p if pairs.p is not None else float(pairs.mean == 0)


def standard_error(first: SeedScores, second: SeedScores) -> float:
    """Return the standard error of the mean paired difference, 0 for fewer than two common seeds."""
    differences = [value - second[seed] for seed, value in first.items() if seed in second]
    if len(differences) < 2:
        return 0.0
    average = sum(differences) / len(differences)  # statistics.stdev is exact, and fifty times slower
    squares = sum((difference - average) ** 2 for difference in differences)
    return sqrt(squares / (len(differences) - 1) / len(differences))


def holm_correction(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple comparisons (Holm 1979, Scand. J. Statist. 6)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def significant_pairs(
    scores: Mapping[str, SeedScores], noise: float | None
) -> dict[frozenset[str], bool | None]:
    """Tell for each pair of structures whether it differs, corrected for all pairs; None if undecidable."""
    pairs = [frozenset(pair) for pair in combinations(scores, 2)]
    freedom = MIN_DEGREES_OF_FREEDOM if noise is None else degrees_of_freedom(scores.values(), noise)
    p_values = {
        frozenset((a, b)): p_value(scores[a], scores[b], noise, freedom) for a, b in combinations(scores, 2)
    }
    tested = [pair for pair in pairs if p_values[pair] is not None]
    corrected = dict(zip(tested, holm_correction([p_values[pair] or 0.0 for pair in tested]), strict=True))
    return {pair: corrected[pair] < ALPHA if pair in corrected else None for pair in pairs}
