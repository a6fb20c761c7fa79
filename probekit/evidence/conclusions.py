"""Conclusions: whether the order of published rows, and the claims drawn from them, hold here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import sqrt
from statistics import mean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.compare import compare_structures
from probekit.evidence.differences import ALPHA, correct_by_holm, find_p
from probekit.evidence.estimate import Estimate, add_variances, estimate_mean
from probekit.evidence.noise_model import NoiseModel
from probekit.plans.finite import finite_or_none
from probekit.plugin.interfaces import Claim, Metric
from probekit.scores.interval import Interval, mean_interval

POINT, TENTH = 0.01, 0.1

RowScores = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Scores by row, metric and seed."""
Rows = Mapping[str, Mapping[str, float]]
"""One score by row and metric."""
Models = Mapping[str, Mapping[str, NoiseModel | None]]
"""Noise models by row and metric, each fitted without that row."""
ClaimVerdict = Literal["holds", "does not hold", "within the noise", "too few seeds", "no number", "not run"]
STEP = 1e-3
"""Relative change of a score by which it is told whether a margin depends on it."""


class Order(BaseModel):
    """The published order of rows compared with ours, by Kendall's tau.

    Attributes:
        metric: The metric that orders the rows.
        tau: Kendall's tau, None without pairs.
        interval: 95 % interval of tau over seeds, None for one seed.
        pairs: Pairs of rows that were run and whose published scores are far enough apart, better row first.
        turned: Pairs whose order is reversed here.
        beyond: Reversed pairs that noise between seeds does not explain, corrected for all pairs; None if
            nothing tells how much seeds vary.
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
        interval: Interval of the margin, at the confidence at which it is judged among the table's claims;
            None if nothing tells how much seeds vary.
        seeds: How many seeds were judged.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    verdict: ClaimVerdict
    margin: float | None
    interval: Interval | None
    seeds: int


def compare_order(
    metric: Metric,
    published: Mapping[str, float],
    scores: RowScores,
    estimates: Mapping[str, Estimate | None],
) -> Order:
    """Compare the order of rows, over the pairs whose published scores are far enough apart.

    That is more than one point if higher is better, and more than a tenth of the worse if lower is.

    Args:
        metric: The metric that orders the rows.
        published: Published scores by row.
        scores: Our scores.
        estimates: Estimates of the rows' means.
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
    standings = compare_structures({name: estimates.get(name) for name in ours}, metric.better)
    beaten = {standing.structure: standing.better_than for standing in standings or ()}
    taus = [kendall_tau({name: ours[name][seed] for name in ours}) for seed in seeds]
    return Order(
        metric=metric.name,
        tau=kendall_tau(means) if pairs else None,
        interval=mean_interval(taus, "seeds", (-1.0, 1.0)),
        pairs=tuple(pairs),
        turned=turned,
        beyond=None
        if standings is None
        else tuple((better, worse) for better, worse in turned if better in beaten.get(worse, ())),
    )


def judge_claims(claims: Sequence[Claim], scores: RowScores, models: Models) -> tuple[Conclusion, ...]:
    """Judge the claims of a table by their margins, corrected for how many there are (Holm 1979).

    A claim holds, or does not, if the whole interval of its margin says so. The margin varies as it does over
    seeds, or as the noise models say, whichever is more. Seeds whose margin is not finite, or divides by
    zero, do not count.

    Args:
        claims: The claims.
        scores: Our scores.
        models: The noise models.
    """
    margins = [measure_margins(claim, scores) for claim in claims]
    estimates = [
        estimate_margin(claim, found, scores, models)
        for claim, (found, _) in zip(claims, margins, strict=True)
    ]
    levels = share_alpha([None if one is None else find_p(one) for one in estimates])
    return tuple(
        conclude(claim, found, invalid, estimate, level)
        for claim, (found, invalid), estimate, level in zip(claims, margins, estimates, levels, strict=True)
    )


def measure_margins(claim: Claim, scores: RowScores) -> tuple[list[float], int]:
    """Return a claim's margin, one a seed, and how many seeds have none that is a number."""
    margins, invalid = [], 0
    for seed in sorted({seed for row in scores.values() for by_seed in row.values() for seed in by_seed}):
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
    return margins, invalid


def estimate_margin(
    claim: Claim, margins: Sequence[float], scores: RowScores, models: Models
) -> Estimate | None:
    """Estimate the mean margin of a claim, None if nothing tells how much it varies."""
    means = {
        name: {metric: mean(by_seed.values()) for metric, by_seed in row.items() if by_seed}
        for name, row in scores.items()
    }
    variances: list[float] = []
    for name, row in means.items():
        for metric, score in row.items():
            model = models.get(name, {}).get(metric)
            step = sqrt(float(model.predict(score))) if model else STEP * (abs(score) or 1.0)
            change = measure_change(claim, means, name, metric, step) if margins else 0.0
            if change is None or (change and model is None):
                return estimate_mean(margins, None, 0)
            if change and model is not None:
                variances += [change**2, model.freedom]
    if not variances:
        return estimate_mean(margins, None, 0)
    predicted, freedom = add_variances(*variances)
    return estimate_mean(margins, float(predicted), float(freedom))


def measure_change(claim: Claim, rows: Rows, name: str, metric: str, step: float) -> float | None:
    """Return how much a margin changes as one score moves by a step, up or down; None if it is no number."""
    try:
        margin = claim.margin(rows)
        changes = [
            claim.margin({**rows, name: {**rows[name], metric: rows[name][metric] + moved}}) - margin
            for moved in (step, -step)
        ]
    except (ArithmeticError, KeyError):
        return None
    finite = [finite_or_none(change) for change in changes]
    return None if None in finite else max(abs(change) for change in finite if change is not None)


def share_alpha(p_values: Sequence[float | None]) -> list[float]:
    """Return the level at which each claim is judged, by Holm's steps; those without a p-value take no part.

    The smallest p-value is judged at alpha over the number of claims, the next at alpha over one less, and so
    on until one fails; that one's level is the level of the rest. An interval at 1 - level then says what
    Holm's procedure says.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    rejected = int((correct_by_holm([p for p, _ in tested]) < ALPHA).sum())
    levels = [ALPHA] * len(p_values)
    for rank, (_, index) in enumerate(tested):
        levels[index] = ALPHA / (len(tested) - min(rank, rejected))
    return levels


def conclude(
    claim: Claim, margins: Sequence[float], invalid: int, estimate: Estimate | None, level: float
) -> Conclusion:
    """Return whether a claim holds, given its margins and the level at which it is judged."""
    if not margins:
        verdict: ClaimVerdict = "no number" if invalid else "not run"
        return Conclusion(text=claim.text, verdict=verdict, margin=None, interval=None, seeds=0)
    verdict, interval = "too few seeds", None
    if estimate is not None:
        low, high = estimate.interval(confidence=1 - level)
        verdict = "holds" if low > 0 else "does not hold" if high < 0 else "within the noise"
        interval = Interval(low=low, high=high, over="seeds", count=len(margins))
    return Conclusion(
        text=claim.text, verdict=verdict, margin=mean(margins), interval=interval, seeds=len(margins)
    )
