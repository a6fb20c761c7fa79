"""Concluding sets scores by row, metric and seed beside what was published: their order, and the claims."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import hypot, inf
from statistics import mean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.compare import separable, width
from probekit.interfaces import Claim, Metric
from probekit.plans.finite import finite
from probekit.scores.interval import Interval, of_mean

POINT, TENTH = 0.01, 0.1

Found = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Scores by row, metric and seed."""
Verdict = Literal["holds", "does not hold", "within the noise", "no number", "not run"]


class Order(BaseModel):
    """Kendall's tau between the published order and ours.

    pairs: those far enough apart as published, better row first, both run; turned: those of them that come
    the other way round here, and beyond: those of these that the scale's noise between seeds, where it was
    measured, does not explain. interval: of tau over seeds; None for one seed.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    tau: float | None
    interval: Interval | None
    pairs: tuple[tuple[str, str], ...]
    turned: tuple[tuple[str, str], ...]
    beyond: tuple[tuple[str, str], ...] | None


class Conclusion(BaseModel):
    """A claim of the source, and whether it holds here; margin: positive where it does, mean over seeds.

    interval: of the margin over seeds; None for one seed. within: how far the scale's noise carries the
    margin of one seed; None for several, or where it was not measured.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    verdict: Verdict
    margin: float | None
    interval: Interval | None
    within: float | None
    seeds: int


def order(metric: Metric, published: Mapping[str, float], found: Found, noise: float | None) -> Order:
    """Compare the order of rows by a metric, over the pairs whose published scores are apart.

    Apart is more than one point where higher is better, and more than a tenth of the worse where lower is.
    published: by row. noise: between seeds, of the metric; None where it was not measured.
    """
    sign = 1 if metric.better == "higher" else -1
    ours = {name: found[name][metric.name] for name in published if found.get(name, {}).get(metric.name)}

    def apart(one: str, other: str) -> bool:
        gap = abs(published[one] - published[other])
        return gap > (POINT if sign > 0 else TENTH * max(published[one], published[other]))

    def tau(score: Mapping[str, float]) -> float:
        gaps = [sign * (score[one] - score[other]) for one, other in pairs]
        return (sum(gap > 0 for gap in gaps) - sum(gap < 0 for gap in gaps)) / len(pairs)

    pairs = [
        (one, other)
        for pair in combinations(ours, 2)
        if apart(*pair)
        for one, other in [sorted(pair, key=lambda name: -sign * published[name])]
    ]
    means = {name: mean(scores.values()) for name, scores in ours.items()}
    turned = tuple((one, other) for one, other in pairs if sign * (means[one] - means[other]) <= 0)
    seeds = sorted(set.intersection(*(set(scores) for scores in ours.values()))) if pairs else []
    taus = [tau({name: ours[name][seed] for name in ours}) for seed in seeds]
    return Order(
        metric=metric.name,
        tau=tau(means) if pairs else None,
        interval=of_mean(taus, "seeds", (-1.0, 1.0)),
        pairs=tuple(pairs),
        turned=turned,
        beyond=None
        if noise is None
        else tuple(pair for pair in turned if separable(ours[pair[0]], ours[pair[1]], noise)),
    )


def conclusion(claim: Claim, found: Found, noise: Mapping[str, float]) -> Conclusion:
    """Judge a claim by its margin, seed by seed.

    It holds, or does not, where the whole interval over seeds says so. Of one seed the margin must exceed
    what the scale's noise makes of it: the shift of the margin as each score moves by its noise, summed in
    squares, times Student's t of comparisons. Where none of its scores has a noise, the sign alone decides.
    A seed whose margin is not finite, or divides by zero, is not judged; where none is left there is no
    number.
    noise: between seeds, by metric.
    """
    seeds = sorted({seed for row in found.values() for scores in row.values() for seed in scores})
    judged, margins, wild = [], [], 0
    for seed in seeds:
        rows = {
            name: scored
            for name, row in found.items()
            if (scored := {metric: scores[seed] for metric, scores in row.items() if seed in scores})
        }
        try:
            margin = finite(claim.margin(rows))
        except KeyError:
            continue
        except ArithmeticError:
            margin = None
        if margin is None:
            wild += 1
        else:
            margins.append(margin)
            judged.append(rows)
    if not margins:
        none: Verdict = "no number" if wild else "not run"
        return Conclusion(text=claim.text, verdict=none, margin=None, interval=None, within=None, seeds=0)
    interval = of_mean(margins, "seeds")
    half = 0.0 if interval else width(shift(claim, judged[0], noise))
    within = finite(half) or None
    low, high = (interval.low, interval.high) if interval else (margins[0] - half, margins[0] + half)
    verdict: Verdict = "holds" if low > 0 else "does not hold" if high < 0 else "within the noise"
    return Conclusion(
        text=claim.text,
        verdict=verdict,
        margin=mean(margins),
        interval=interval,
        within=within,
        seeds=len(margins),
    )


def shift(claim: Claim, rows: Mapping[str, Mapping[str, float]], noise: Mapping[str, float]) -> float:
    """Return by how much a margin varies as each score of one seed varies by its noise, or infinity."""
    margin = claim.margin(rows)

    def moved(name: str, metric: str, by: float) -> float:
        scores = rows[name]
        try:
            there = claim.margin({**rows, name: {**scores, metric: scores[metric] + by}})
        except ArithmeticError:
            return inf
        return inf if finite(there) is None else abs(there - margin)

    return hypot(
        *(
            max(moved(name, metric, noise[metric]), moved(name, metric, -noise[metric]))
            for name, scores in rows.items()
            for metric in scores.keys() & noise.keys()
        )
    )
