"""Aggregation turns the seeds of a structure, or of a control, into means, intervals and a verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from probekit.cards.cell import Cell, Run, Score
from probekit.cards.notes import list_remarks
from probekit.evidence.bounds import Bound
from probekit.evidence.deciding.learning import is_still_learning
from probekit.evidence.deciding.looks import find_confidence, read_looks
from probekit.evidence.deciding.next_step import make_outlook, suggest_next_step
from probekit.evidence.estimate import Estimate, normalize_bounds, normalize_estimate
from probekit.evidence.estimate_runs import estimate_runs, list_scores
from probekit.evidence.groups import Groups, normalize_groups
from probekit.evidence.noise_model import ScaleNoise
from probekit.evidence.verdict import Evidence, Verdict, add_measurement, judge_evidence
from probekit.evidence.words import Word
from probekit.plans.finite import finite_or_none
from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Metric, Probe
from probekit.scores.interval import Interval, clip_interval, difference_bounds, mean_interval
from probekit.storage.difficulty_curve import CurveBin, DifficultyCurve
from probekit.storage.folder import Folder
from probekit.storage.loss_curve import read_losses
from probekit.storage.result import Result, normalize_score


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A result and its folder; surveyed: whether it is of the shipped survey."""

    result: Result
    folder: Folder
    surveyed: bool = False

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return self.result.plan

    @property
    def age_key(self) -> tuple[float, str]:
        """A sort key, oldest first, from the time in the result; a copied file has lost its own."""
        return self.result.stored, self.folder.path.name


def make_cell(
    label: str,
    by_seed: dict[int, StoredRun],
    probe: Probe,
    floors: Mapping[str, Bound],
    thresholds: tuple[float, float],
    published: dict[str, dict[str, float]],
    noises: Mapping[str, ScaleNoise],
    decides: bool,
) -> Cell:
    """Aggregate the seeds of one structure.

    Args:
        label: The row's label.
        by_seed: One run per seed.
        probe: The probe, whose first metric is the headline.
        floors: Floors by metric, and their standard errors.
        thresholds: Normalised scores from which a structure has the property, and has it partly.
        published: Published scores by structure and metric.
        noises: The scale's noise between seeds, by metric.
        decides: Whether the scale can decide anything.
    """
    runs = list(by_seed.values())
    done = [run for run in runs if run.result.status == "done"]
    plan = runs[0].plan
    looks = read_looks(runs[0].folder.path.parent, plan)
    confidence = find_confidence(looks)
    results = [run.result for run in done]
    scores: dict[str, Score] = {}
    estimates: dict[str, Estimate | None] = {}
    groups: dict[str, Groups | None] = {}
    paper = published.get(plan.structure, {})
    for metric in probe.metrics:
        name, floor = metric.name, floors[metric.name]
        estimates[name], groups[name] = estimate_runs(results, metric, noises[name])
        train = mean_or_none(run.result.train.get(name) for run in done)
        scores[name] = make_score(metric, results, estimates[name], floor, confidence).model_copy(
            update={
                "train": train,
                "trained": normalize_score(train, floor.value, metric.perfect),
                "harder": mean_or_none(run.result.harder.get(metric.name) for run in done),
                "published": paper.get(metric.name),
            }
        )
        if metric.gap:
            gaps = [gap for run in done if (gap := run.result.metrics.get(metric.gap)) is not None]
            gap_interval = mean_interval(gaps, "seeds", difference_bounds(metric.bounds))
            scores[metric.gap] = Score(mean=mean_or_none(gaps), interval=gap_interval)
    first = probe.metrics[0]
    headline = scores[first.name]
    measured = {
        name: value
        for name in sorted({name for run in done for name in run.result.measured})
        if (value := mean_or_none(run.result.measured.get(name) for run in done)) is not None
    }
    constant = bool(done) and all(run.result.constant for run in done)
    evidence = Evidence(
        score=headline.place,
        interval=headline.reach if estimates[first.name] is not None else None,
        training_score=headline.trained,
        decides=decides,
        blown_up=sum(run.result.spike is not None for run in done),
        seeds=len(done),
        groups=normalize_groups(groups[first.name], first, floors[first.name].value),
        constant=constant,
    )
    measurement = probe.related_measurement
    verdict = add_measurement(
        judge_closely(evidence, done, thresholds),
        measurement,
        measured.get(measurement),
        border=measured.get(f"{measurement}_border"),
        constant=constant,
        decides=probe.measurement_decides,
    )
    outlook = make_outlook(results, first, noises[first.name], floors[first.name])
    return Cell(
        structure=label,
        resolved=plan.structure,
        scores=scores,
        verdict=verdict,
        next_step=suggest_next_step(verdict, results, probe, outlook, confidence),
        outlook=outlook,
        looks=looks.seeds if looks else (),
        estimate=None if evidence.groups else estimates[first.name],
        remarks=tuple(list_remarks(results)),
        parameters=plan.parameters,
        width=plan.width,
        width_wished=plan.width_wished,
        budget_gap=plan.budget_gap,
        flops=next((run.result.flops for run in done if run.result.flops is not None), None),
        seconds=mean_or_none(run.result.seconds for run in done),
        measured=measured,
        along=average_curves([run.result.along for run in done if run.result.along is not None]),
        runs=tuple(make_run(run, first, floors[first.name].value) for run in runs),
    )


def judge_closely(evidence: Evidence, runs: Sequence[StoredRun], thresholds: tuple[float, float]) -> Verdict:
    """Return the verdict; if nothing was fitted, the loss curves say more."""
    if (verdict := judge_evidence(evidence, thresholds)).word is not Word.DID_NOT_FIT:
        return verdict
    curves = []
    for run in runs:
        with contextlib.suppress(StoreError):  # the card says elsewhere that a log is not whole
            curves.append(read_losses(run.folder, run.result))
    return judge_evidence(replace(evidence, learning=is_still_learning(curves)), thresholds)


def average_curves(curves: Sequence[DifficultyCurve]) -> DifficultyCurve | None:
    """Average the difficulty curves of several seeds: the mean of each bin, and its interval over seeds."""
    if len(curves) < 2:
        return curves[0] if curves else None
    bins: dict[tuple[float, float], list[CurveBin]] = {}
    for curve in curves:
        for point in curve.points:
            bins.setdefault((point.start, point.stop), []).append(point)
    points = []
    for _, seed_points in sorted(bins.items()):
        interval = mean_interval([point.mean for point in seed_points], "seeds", curves[0].bounds)
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        average = mean(point.mean for point in seed_points)
        points.append(seed_points[0].model_copy(update={"mean": average, "low": low, "high": high}))
    return curves[0].model_copy(update={"points": tuple(points)})


def make_score(
    metric: Metric, results: Sequence[Result], estimate: Estimate | None, floor: Bound, confidence: float
) -> Score:
    """Return a mean and its interval at this level, and both normalised.

    Without an estimate, the interval is that of one seed over its test items, or none.
    """
    values = list_scores(results, metric)
    average = mean_or_none(values)
    interval = item_interval(results[0], metric) if len(values) == len(results) == 1 else None
    reach = None
    if estimate is not None:
        low, high = estimate.interval(metric.bounds, confidence)
        interval = Interval(low=low, high=high, over="seeds", count=estimate.seeds, confidence=confidence)
        place = normalize_estimate(estimate, metric, floor.value, floor.error)
        reach = place.interval(normalize_bounds(metric, floor.value), confidence) if place else None
    elif interval is not None:
        ends = [
            end
            for value in (interval.low, interval.high)
            if (end := normalize_score(value, floor.value, metric.perfect)) is not None
        ]
        reach = (min(ends), max(ends)) if ends else None
    return Score(
        mean=average,
        interval=interval,
        place=normalize_score(average, floor.value, metric.perfect),
        reach=reach,
        floor=floor.value,
        perfect=finite_or_none(metric.perfect),
    )


def make_run(stored: StoredRun, headline: Metric, floor: float | None) -> Run:
    """Return a run's identity, its headline score, and that score normalised from this floor."""
    result, name, perfect = stored.result, headline.name, headline.perfect
    return Run(
        seed=stored.plan.seed,
        status=result.status,
        folder=stored.folder.path.name,
        identity=stored.plan.identity,
        weights=result.weights,
        score=score_of(stored, headline),
        place=normalize_score(score_of(stored, headline), floor, perfect),
        trained=normalize_score(result.train.get(name), floor, perfect),
        error=result.error,
        spike=result.spike,
        unscored={
            name: why for name, why in {**result.unscored, **result.missing}.items() if "/" not in name
        },
        caution=result.caution,
        environment=result.environment,
    )


def item_interval(result: Result, metric: Metric) -> Interval | None:
    """Return the interval of one run's score over its test items, as it was stored."""
    ends = result.intervals.get(metric.name)
    if ends is None:
        return None
    low, high = clip_interval(*ends, metric.bounds)
    return Interval(low=low, high=high, over="items", count=result.counts.get(metric.name, 0))


def score_of(stored: StoredRun, metric: Metric) -> float | None:
    """Return a run's score, None if it failed or the metric applies to no item."""
    return stored.result.metrics.get(metric.name)


def mean_or_none(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None, or None without any."""
    present = [value for value in values if value is not None]
    return mean(present) if present else None
