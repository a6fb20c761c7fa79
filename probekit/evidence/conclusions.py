"""Conclusions: whether the order of published rows, and the claims drawn from them, hold here."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import hypot, inf
from statistics import mean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.significance import is_separable, noise_margin
from probekit.plans.finite import finite_or_none
from probekit.plugin.interfaces import Claim, Metric
from probekit.scores.interval import Interval, mean_interval

POINT, TENTH = 0.01, 0.1

RowScores = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Scores by row, metric and seed."""
ClaimVerdict = Literal["holds", "does not hold", "within the noise", "no number", "not run"]


class Order(BaseModel):
    """The published order of rows compared with ours, by Kendall's tau.

    Attributes:
        metric: The metric that orders the rows.
        tau: Kendall's tau, None without pairs.
        interval: 95 % interval of tau over seeds, None for one seed.
        pairs: Pairs of rows that were run and whose published scores are far enough apart, better row first.
        turned: Pairs whose order is reversed here.
        beyond: Reversed pairs that the scale's noise does not explain; None if it was not measured.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    tau: float | None
    interval: Interval | None
    pairs: tuple[tuple[str, str], ...]
    turned: tuple[tuple[str, str], ...]
    beyond: tuple[tuple[str, str], ...] | None


class Conclusion(BaseModel):
    """A claim of the paper, and whether it holds here.

    Attributes:
        text: The claim.
        verdict: Whether it holds.
        margin: Mean over seeds, positive where the claim holds.
        interval: 95 % interval of the margin over seeds, None for one seed.
        within: How far the scale's noise moves the margin of one seed; None for several seeds, or if the
            noise was not measured.
        seeds: How many seeds were judged.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    verdict: ClaimVerdict
    margin: float | None
    interval: Interval | None
    within: float | None
    seeds: int


def compare_order(
    metric: Metric, published: Mapping[str, float], scores: RowScores, noise: float | None
) -> Order:
    """Compare the order of rows, over the pairs whose published scores are far enough apart.

    That is more than one point if higher is better, and more than a tenth of the worse if lower is.

    Args:
        metric: The metric that orders the rows.
        published: Published scores by row.
        scores: Our scores.
        noise: The metric's noise between seeds, None if it was not measured.
    """
    sign = 1 if metric.better == "higher" else -1
    ours = {name: scores[name][metric.name] for name in published if scores.get(name, {}).get(metric.name)}

    def is_apart(first: str, second: str) -> bool:
        gap = abs(published[first] - published[second])
        return gap > (POINT if sign > 0 else TENTH * max(published[first], published[second]))

    def kendall_tau(score: Mapping[str, float]) -> float:
        gaps = [sign * (score[better] - score[worse]) for better, worse in pairs]
        return (sum(gap > 0 for gap in gaps) - sum(gap < 0 for gap in gaps)) / len(pairs)

    pairs = [
        (better, worse)
        for pair in combinations(ours, 2)
        if is_apart(*pair)
        for better, worse in [sorted(pair, key=lambda name: -sign * published[name])]
    ]
    means = {name: mean(by_seed.values()) for name, by_seed in ours.items()}
    turned = tuple((better, worse) for better, worse in pairs if sign * (means[better] - means[worse]) <= 0)
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in ours.values()))) if pairs else []
    taus = [kendall_tau({name: ours[name][seed] for name in ours}) for seed in seeds]
    return Order(
        metric=metric.name,
        tau=kendall_tau(means) if pairs else None,
        interval=mean_interval(taus, "seeds", (-1.0, 1.0)),
        pairs=tuple(pairs),
        turned=turned,
        beyond=None
        if noise is None
        else tuple(pair for pair in turned if is_separable(ours[pair[0]], ours[pair[1]], noise)),
    )


def judge_claim(claim: Claim, scores: RowScores, noise: Mapping[str, float]) -> Conclusion:
    """Judge a claim by its margin, seed by seed.

    With several seeds, the claim holds, or does not, if the whole interval says so. With one seed, the margin
    must exceed the scale's noise: the change of the margin as each score moves by its noise, summed in
    squares, times Student's t. If no score has a noise, the sign alone decides. Seeds whose margin is not
    finite, or divides by zero, do not count.

    Args:
        claim: The claim.
        scores: Our scores.
        noise: Noise between seeds, by metric.
    """
    seeds = sorted({seed for row in scores.values() for by_seed in row.values() for seed in by_seed})
    judged, margins, invalid = [], [], 0
    for seed in seeds:
        rows = {
            name: seed_scores
            for name, row in scores.items()
            if (seed_scores := {metric: values[seed] for metric, values in row.items() if seed in values})
        }
        try:
            margin = finite_or_none(claim.margin(rows))
        except KeyError:
            continue
        except ArithmeticError:
            margin = None
        if margin is None:
            invalid += 1
        else:
            margins.append(margin)
            judged.append(rows)
    if not margins:
        verdict: ClaimVerdict = "no number" if invalid else "not run"
        return Conclusion(text=claim.text, verdict=verdict, margin=None, interval=None, within=None, seeds=0)
    interval = mean_interval(margins, "seeds")
    half = 0.0 if interval else noise_margin(margin_noise(claim, judged[0], noise))
    within = finite_or_none(half) or None
    low, high = (interval.low, interval.high) if interval else (margins[0] - half, margins[0] + half)
    verdict = "holds" if low > 0 else "does not hold" if high < 0 else "within the noise"
    return Conclusion(
        text=claim.text,
        verdict=verdict,
        margin=mean(margins),
        interval=interval,
        within=within,
        seeds=len(margins),
    )


def margin_noise(claim: Claim, rows: Mapping[str, Mapping[str, float]], noise: Mapping[str, float]) -> float:
    """Return how much the margin of one seed varies as each score varies by its noise; maybe infinity."""
    margin = claim.margin(rows)

    def margin_change(name: str, metric: str, step: float) -> float:
        scores = rows[name]
        try:
            new_margin = claim.margin({**rows, name: {**scores, metric: scores[metric] + step}})
        except ArithmeticError:
            return inf
        return inf if finite_or_none(new_margin) is None else abs(new_margin - margin)

    return hypot(
        *(
            max(margin_change(name, metric, noise[metric]), margin_change(name, metric, -noise[metric]))
            for name, scores in rows.items()
            for metric in scores.keys() & noise.keys()
        )
    )
