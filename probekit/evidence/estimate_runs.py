"""Estimates of runs: the noise of a scale as runs and probe tell it, and the means of structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from probekit.evidence.estimate import Estimate, estimate_score
from probekit.evidence.groups import Groups, split_seeds
from probekit.evidence.noise_model import ScaleNoise, measure_resolution, measure_spread
from probekit.plugin.interfaces import Metric, Scale
from probekit.scores.interval import t_quantile
from probekit.storage.result import Result


def gather_noise(
    metric: Metric,
    rows: Mapping[str, Sequence[Result]],
    floor: float | None,
    scale: Scale | None,
    stated: float | None,
) -> ScaleNoise:
    """Gather what is known about the noise of a metric: from the probe's scale, and from the runs themselves.

    Args:
        metric: The metric.
        rows: Scored runs by structure, by its canonical text.
        floor: The metric's floor.
        scale: The scale, if the runs are as it sets them; else None.
        stated: The standard deviation that the scale states.
    """
    spreads = dict(scale.spreads.get(metric.name, {})) if scale else {}
    items = [result.counts.get(metric.name, 0) for results in rows.values() for result in results]
    for structure, results in rows.items():
        scores = list_scores(results, metric)
        if len(scores) > 1:
            identities = [result.plan.identity for result in results]
            spreads[structure] = measure_spread(scores, identities)
    return ScaleNoise(metric, spreads, stated, measure_resolution(metric, floor, max(items, default=0)))


def estimate_runs(
    results: Sequence[Result], metric: Metric, noise: ScaleNoise
) -> tuple[Estimate | None, Groups | None]:
    """Estimate the mean score of one structure's seeds.

    Args:
        results: Scored runs of one structure, one a seed.
        metric: The metric.
        noise: The noise of the scale, which is fitted without this structure.

    Returns:
        The estimate, None if nothing tells how much seeds vary; and the two groups in which the seeds fall,
        None if they do not.
    """
    scores = list_scores(results, metric)
    if not scores:
        return None, None
    model = noise.fit_without(results[0].plan.structure)
    variance, items = measure_item_variance(results, metric)
    return estimate_score(scores, model, variance, items), split_seeds(scores, model)


def list_scores(results: Sequence[Result], metric: Metric) -> list[float]:
    """Return the scores of a metric, without runs that have none."""
    return [score for result in results if (score := result.metrics.get(metric.name)) is not None]


def measure_item_variance(results: Sequence[Result], metric: Metric) -> tuple[float, int]:
    """Return the variance of a score that comes from the choice of test items, and how many items there are.

    All seeds have the same test items, so more seeds do not make it smaller. It is the mean of the variances
    that the runs' intervals over items show.
    """
    variances, items = [], 0
    for result in results:
        count = result.counts.get(metric.name, 0)
        ends, score = result.intervals.get(metric.name), result.metrics.get(metric.name)
        if ends is not None and score is not None and count > 1:
            half = max(ends[1] - score, score - ends[0])  # the stored ends are clipped to the metric's bounds
            variances.append((half / t_quantile(count - 1)) ** 2)
            items = max(items, count)
    return (mean(variances), items) if variances else (0.0, 0)
