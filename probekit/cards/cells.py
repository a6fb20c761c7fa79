"""Tallying turns the seeds of one structure into a cell: means, intervals, places, a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from probekit.cards.card import Cell, Run, Score
from probekit.evidence.verdict import Evidence, beside, judge, reach
from probekit.interfaces import Metric, Probe
from probekit.plans.finite import finite
from probekit.plans.plan import Plan
from probekit.scores.interval import Interval, apart, kept, of_mean
from probekit.storage.along import Along, Point
from probekit.storage.folder import Folder
from probekit.storage.result import Result, place


@dataclass(frozen=True, slots=True)
class Stored:
    """A result and where it lies."""

    result: Result
    folder: Folder

    @property
    def plan(self) -> Plan:
        """What was run."""
        return self.result.plan

    @property
    def made(self) -> tuple[float, str]:
        """When it was stored, as it says itself; the time of a file is lost when it is copied."""
        return self.result.stored, self.folder.path.name


def cell(
    label: str,
    found: dict[int, Stored],
    probe: Probe,
    floors: dict[str, float | None],
    thresholds: tuple[float, float],
    published: dict[str, dict[str, float]],
    noise: float | None,
    decides: bool,
) -> Cell:
    """Return what the seeds of one structure say."""
    several = list(found.values())
    done = [one for one in several if one.result.status == "done"]
    plan = several[0].plan
    scores: dict[str, Score] = {}
    paper = published.get(plan.structure, {})
    for metric in probe.metrics:
        values = [value for one in done if (value := scored(one, metric)) is not None]
        interval = of_mean(values, "seeds", metric.bounds)
        if len(values) == 1 and metric is probe.metrics[0]:
            interval = over_items(done[0], metric)
        trained = average(one.result.train.get(metric.name) for one in done)
        scores[metric.name] = score(metric, values, interval, floors[metric.name]).model_copy(
            update={
                "train": trained,
                "trained": place(trained, floors[metric.name], metric.perfect),
                "harder": average(one.result.harder.get(metric.name) for one in done),
                "published": paper.get(metric.name),
            }
        )
        if metric.gap:
            gaps = [gap for one in done if (gap := one.result.metrics.get(metric.gap)) is not None]
            within = of_mean(gaps, "seeds", apart(metric.bounds))
            scores[metric.gap] = Score(mean=average(gaps), interval=within)
    first = probe.metrics[0]
    headline = scores[first.name]
    values = [value for one in done if (value := scored(one, first)) is not None]
    names = sorted({name for one in done for name in one.result.measured})
    measured = {
        name: value
        for name in names
        if (value := average(one.result.measured.get(name) for one in done)) is not None
    }
    evidence = Evidence(
        at=headline.place,
        reach=reach(values, headline.interval, first, floors[first.name], noise),
        trained=headline.trained,
        decides=decides,
        blown=sum(one.result.spike is not None for one in done),
        seeds=len(done),
    )
    if evidence.reach is not None:  # what the verdict rests on is what is drawn
        scores[first.name] = headline.model_copy(update={"reach": evidence.reach})
    speaks = getattr(probe, "speaks", "")
    verdict = beside(judge(evidence, thresholds), speaks, measured.get(speaks))
    return Cell(
        structure=label,
        resolved=plan.structure,
        scores=scores,
        verdict=verdict,
        parameters=plan.parameters,
        width=plan.width,
        width_wished=plan.width_wished,
        budget_gap=plan.budget_gap,
        flops=next((one.result.flops for one in done if one.result.flops is not None), None),
        seconds=average(one.result.seconds for one in done),
        measured=measured,
        along=joined([one.result.along for one in done if one.result.along is not None]),
        runs=tuple(run(one, first, floors[first.name]) for one in several),
    )


def joined(several: Sequence[Along]) -> Along | None:
    """Return one curve of those of several seeds: of each bin the mean, and its interval over seeds."""
    if len(several) < 2:
        return several[0] if several else None
    bins: dict[tuple[float, float], list[Point]] = {}
    for one in several:
        for point in one.points:
            bins.setdefault((point.start, point.stop), []).append(point)
    points = []
    for (start, stop), found in sorted(bins.items()):
        within = of_mean([point.mean for point in found], "seeds", several[0].bounds)
        low, high = (None, None) if within is None else (within.low, within.high)
        middle = mean(point.mean for point in found)
        points.append(Point(start=start, stop=stop, items=found[0].items, mean=middle, low=low, high=high))
    return several[0].model_copy(update={"points": tuple(points)})


def score(metric: Metric, values: Sequence[float], interval: Interval | None, floor: float | None) -> Score:
    """Return a mean with its interval, and both as places."""
    middle = average(values)
    ends = [
        end
        for value in ((interval.low, interval.high) if interval else ())
        if (end := place(value, floor, metric.perfect)) is not None
    ]
    return Score(
        mean=middle,
        interval=interval,
        place=place(middle, floor, metric.perfect),
        reach=(min(ends), max(ends)) if ends else None,
        floor=floor,
        perfect=finite(metric.perfect),
    )


def run(one: Stored, headline: Metric, floor: float | None) -> Run:
    """Return what identifies a run, and its headline score with its places from this floor."""
    result, name, perfect = one.result, headline.name, headline.perfect
    return Run(
        seed=one.plan.seed,
        status=result.status,
        folder=one.folder.path.name,
        identity=one.plan.identity,
        weights=result.weights,
        score=scored(one, headline),
        place=place(scored(one, headline), floor, perfect),
        trained=place(result.train.get(name), floor, perfect),
        error=result.error,
        spike=result.spike,
        unscored={
            name: why for name, why in {**result.unscored, **result.missing}.items() if "/" not in name
        },
        caution=result.caution,
        environment=result.environment,
    )


def over_items(one: Stored, metric: Metric) -> Interval | None:
    """Return the interval of one run's score, as it was found when its test items were scored."""
    ends = one.result.intervals.get(metric.name)
    if ends is None:
        return None
    low, high = kept(*ends, metric.bounds)
    return Interval(low=low, high=high, over="items", count=one.result.counts.get(metric.name, 0))


def scored(one: Stored, metric: Metric) -> float | None:
    """Return a run's score, None where it failed or the metric applies to no item."""
    return one.result.metrics.get(metric.name)


def average(values: Iterable[float | None]) -> float | None:
    """Return the mean of those there are, None where there are none."""
    some = [value for value in values if value is not None]
    return mean(some) if some else None
