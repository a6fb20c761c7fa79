"""Reproducing sets published tables beside what was found: the numbers, the order, the conclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.errors import UsageError, did_you_mean
from probekit.expression import part
from probekit.grammar import Term
from probekit.interfaces import Claim, Metric, Published
from probekit.interval import Interval, over_seeds
from probekit.plan import make_spec
from probekit.registry import Registry
from probekit.result import Environment, Result
from probekit.spec import RunSpec

PUBLISHED_SCALE = "paper"
POINT, TENTH = 0.01, 0.1
TRAIN = "train/"

Verdict = Literal["holds", "does not hold", "within the noise", "not run"]


@dataclass(frozen=True, slots=True)
class Source:
    """A published table: its probe's name, its rows, the claims drawn from it, and the probe's headline."""

    name: str
    probe: str
    rows: tuple[Published, ...]
    claims: tuple[Claim, ...]
    headline: Metric


class Line(BaseModel):
    """One row: what was published, and by metric and seed what was found; seconds: of training, mean."""

    model_config = ConfigDict(frozen=True)

    name: str
    probe: str
    structure: str
    published_parameters: int
    parameters: int | None
    published: dict[str, float]
    found: dict[str, dict[int, float]]
    failed: tuple[int, ...]
    seconds: float | None

    def mean(self, metric: str) -> float | None:
        """Return the mean over seeds, None where no seed was scored."""
        scores = self.found.get(metric, {})
        return mean(scores.values()) if scores else None


class Order(BaseModel):
    """Kendall's tau between the published order and ours.

    pairs: those far enough apart as published, better row first, both run; turned: those of them that come
    the other way round here. interval: of tau over seeds; None for one seed.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    tau: float | None
    interval: Interval | None
    pairs: tuple[tuple[str, str], ...]
    turned: tuple[tuple[str, str], ...]


class Conclusion(BaseModel):
    """A claim of the source, and whether it holds here; margin: positive where it does, mean over seeds."""

    model_config = ConfigDict(frozen=True)

    text: str
    verdict: Verdict
    margin: float | None
    interval: Interval | None
    seeds: int


class Reproduction(BaseModel):
    """A published table beside ours, at one scale; metrics: as published, the headline among them."""

    model_config = ConfigDict(frozen=True)

    name: str
    scale: str
    headline: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    order: Order
    conclusions: tuple[Conclusion, ...]
    environments: tuple[Environment, ...]


def sources(known: Registry, names: Sequence[str]) -> list[Source]:
    """Return the published tables of these names, or all; raises UsageError for one that no probe has."""
    found: dict[str, Source] = {}
    for component in known.components("probe"):
        probe = part("probe", Term(component.name), known)
        published: tuple[Published, ...] = getattr(probe.target, "published", ())
        claims: tuple[Claim, ...] = getattr(probe.target, "claims", ())
        headline = probe.make().metrics[0] if published else None
        for table in dict.fromkeys(row.table for row in published):
            assert headline is not None
            found[table] = Source(
                table,
                component.name,
                tuple(row for row in published if row.table == table),
                tuple(claim for claim in claims if claim.table == table),
                headline,
            )
    for name in names:
        if name not in found:
            raise UsageError(f"the table {name!r}", "no probe has it", did_you_mean(name, found))
    return [found[name] for name in (names or sorted(found))]


def specs(source: Source, scale: str, seeds: int, trainer: str) -> dict[tuple[str, int], RunSpec]:
    """Return what is to be run, by row and seed; at the published scale rows have their published width."""
    return {
        (row.name, seed): make_spec(
            probe=str(Term(source.probe, tuple(sorted(row.probe.items())))),
            structure=row.instead.get(scale, row.structure),
            scale=scale,
            seed=seed,
            trainer=trainer,
            width=row.width if scale == PUBLISHED_SCALE else None,
        )
        for row in source.rows
        for seed in range(seeds)
    }


def reproduced(source: Source, scale: str, results: Mapping[tuple[str, int], Result]) -> Reproduction:
    """Set a published table beside results by row and seed; those that are missing are left open."""
    lines = tuple(line(row, source, results) for row in source.rows)
    done = [result for result in results.values() if result.status == "done"]
    return Reproduction(
        name=source.name,
        scale=scale,
        headline=source.headline.name,
        metrics=tuple(dict.fromkeys(metric for row in source.rows for metric in row.scores)),
        lines=lines,
        order=order(source, lines),
        conclusions=tuple(conclusion(claim, lines) for claim in source.claims),
        environments=tuple(dict.fromkeys(result.environment for result in done)),
    )


def line(row: Published, source: Source, results: Mapping[tuple[str, int], Result]) -> Line:
    """Gather the seeds of one row."""
    own = {seed: result for (name, seed), result in results.items() if name == row.name}
    found: dict[str, dict[int, float]] = {}
    for seed, result in own.items():
        scores = {**result.metrics, **{TRAIN + name: score for name, score in result.train.items()}}
        for metric, score in scores.items():
            if score is not None:
                found.setdefault(metric, {})[seed] = score
    some = next(iter(own.values()), None)
    seconds = [result.seconds for result in own.values() if result.status == "done"]
    return Line(
        name=row.name,
        probe=some.plan.spec.probe if some else source.probe,
        structure=some.plan.spec.structure if some else row.structure,
        published_parameters=row.parameters,
        parameters=some.plan.parameters if some else None,
        published=dict(row.scores),
        found=found,
        failed=tuple(seed for seed, result in own.items() if result.status == "failed"),
        seconds=mean(seconds) if seconds else None,
    )


def order(source: Source, lines: Sequence[Line]) -> Order:
    """Compare the order of rows by the headline, over the pairs whose published scores are apart.

    Apart is more than one point where higher is better, and more than a tenth of the worse where lower is.
    """
    metric = source.headline.name
    sign = 1 if source.headline.better == "higher" else -1

    def apart(one: Line, other: Line) -> bool:
        gap = abs(one.published[metric] - other.published[metric])
        worse = max(one.published[metric], other.published[metric])
        return gap > (POINT if sign > 0 else TENTH * worse)

    scored = [line for line in lines if metric in line.published and line.mean(metric) is not None]
    pairs = [
        (one, other)
        for pair in combinations(scored, 2)
        if apart(*pair)
        for one, other in [sorted(pair, key=lambda line: -sign * line.published[metric])]
    ]
    seeds = sorted(set.intersection(*(set(line.found[metric]) for line in scored)) if scored else set())

    def tau(score: Mapping[str, float]) -> float:
        right = sum(sign * (score[one.name] - score[other.name]) > 0 for one, other in pairs)
        turned = sum(sign * (score[one.name] - score[other.name]) < 0 for one, other in pairs)
        return (right - turned) / len(pairs)

    means = {line.name: line.mean(metric) or 0.0 for line in scored}
    each = [tau({line.name: line.found[metric][seed] for line in scored}) for seed in seeds] if pairs else []
    return Order(
        metric=metric,
        tau=tau(means) if pairs else None,
        interval=over_seeds(each),
        pairs=tuple((one.name, other.name) for one, other in pairs),
        turned=tuple(
            (one.name, other.name)
            for one, other in pairs
            if sign * (means[one.name] - means[other.name]) <= 0
        ),
    )


def conclusion(claim: Claim, lines: Sequence[Line]) -> Conclusion:
    """Judge a claim by its margin, seed by seed.

    It holds, or does not, where the whole interval over seeds says so; of one seed the sign alone decides,
    and `seeds` says that it is one.
    """
    seeds = sorted({seed for line in lines for scores in line.found.values() for seed in scores})
    margins = []
    for seed in seeds:
        rows = {
            line.name: {metric: scores[seed] for metric, scores in line.found.items() if seed in scores}
            for line in lines
        }
        try:
            margins.append(claim.margin({name: scores for name, scores in rows.items() if scores}))
        except KeyError:
            continue
    if not margins:
        return Conclusion(text=claim.text, verdict="not run", margin=None, interval=None, seeds=0)
    interval = over_seeds(margins)
    low, high = (interval.low, interval.high) if interval else (margins[0], margins[0])
    verdict: Verdict = "holds" if low > 0 else "does not hold" if high < 0 else "within the noise"
    return Conclusion(
        text=claim.text, verdict=verdict, margin=mean(margins), interval=interval, seeds=len(margins)
    )
