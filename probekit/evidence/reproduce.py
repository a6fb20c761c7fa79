"""Reproducing sets published tables beside what was found: the numbers, the order, the conclusions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import mean

from pydantic import BaseModel, ConfigDict

from probekit.catalog.grammar import Term
from probekit.catalog.part import part
from probekit.catalog.registry import Registry
from probekit.errors import UsageError, did_you_mean
from probekit.evidence.conclude import Conclusion, Order, conclusion, order
from probekit.interfaces import Claim, Metric, Published
from probekit.plans.plan import Plan
from probekit.plans.spec import RunSpec, make_spec
from probekit.storage.alike import asks_alike, group_alike
from probekit.storage.result import Environment, Result

PUBLISHED_SCALE = "paper"
TRAIN = "train/"

Place = tuple[str, int]
"""A row's name and a seed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A published table: its probe's name, its rows, the claims drawn from it, and the probe's headline."""

    name: str
    probe: str
    rows: tuple[Published, ...]
    claims: tuple[Claim, ...]
    headline: Metric

    def rank(self, row: str) -> float:
        """Return the more the worse a row's published headline is; a row without one is last."""
        scores = {one.name: one.scores.get(self.headline.name) for one in self.rows}
        score = scores[row]
        return inf if score is None else score if self.headline.better == "lower" else -score


class Line(BaseModel):
    """One row: what was published, and by metric and seed what was found; seconds: of training, mean."""

    model_config = ConfigDict(frozen=True)

    name: str
    probe: str
    structure: str
    published_parameters: int
    parameters: int
    published: dict[str, float]
    found: dict[str, dict[int, float]]
    failed: tuple[int, ...]
    seconds: float | None

    def mean(self, metric: str) -> float | None:
        """Return the mean over seeds, None where no seed was scored."""
        scores = self.found.get(metric, {})
        return mean(scores.values()) if scores else None


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


def specs(source: Source, scale: str, trainer: str) -> dict[str, RunSpec]:
    """Return what is to be run, by row, of seed 0; at the published scale rows have their published width."""
    return {
        row.name: make_spec(
            probe=str(Term(source.probe, tuple(sorted(row.probe.items())))),
            structure=row.instead.get(scale, row.structure),
            scale=scale,
            trainer=trainer,
            width=row.width if scale == PUBLISHED_SCALE else None,
        )
        for row in source.rows
    }


def reproduced(
    source: Source, scale: str, plans: Mapping[Place, Plan], results: Mapping[Place, Result]
) -> Reproduction:
    """Set a published table beside results; those that are missing are left open.

    Raises ValueError where a result is of another source or version of the probe, or scale, than its plan.
    """
    rows: dict[str, list[Result]] = defaultdict(list)
    for (row, seed), result in results.items():
        rows[row].append(result)
        if result.plan.question[1:] != plans[row, seed].question[1:]:
            raise ValueError("results of another version of the probe, or scale, stand in no such table")
    if any(len(group_alike(row, asks_alike)) > 1 for row in rows.values()):
        raise ValueError("results of other code of the probe stand in no such table")
    lines = tuple(line(row, plans, results) for row in source.rows)
    noise = next((plan.noise for plan in plans.values() if plan.noise), {})
    headline = source.headline
    published = {row.name: row.scores[headline.name] for row in source.rows if headline.name in row.scores}
    found = {line.name: line.found for line in lines}
    done = [result for result in results.values() if result.status == "done"]
    return Reproduction(
        name=source.name,
        scale=scale,
        headline=headline.name,
        metrics=tuple(dict.fromkeys(metric for row in source.rows for metric in row.scores)),
        lines=lines,
        order=order(headline, published, found, noise.get(headline.name)),
        conclusions=tuple(conclusion(claim, found, noise) for claim in source.claims),
        environments=tuple(dict.fromkeys(result.environment for result in done)),
    )


def line(row: Published, plans: Mapping[Place, Plan], results: Mapping[Place, Result]) -> Line:
    """Gather the seeds of one row."""
    own = {seed: result for (name, seed), result in results.items() if name == row.name}
    found: dict[str, dict[int, float]] = {}
    for seed, result in own.items():
        scores = {**result.metrics, **{TRAIN + name: score for name, score in result.train.items()}}
        for metric, score in scores.items():
            if score is not None:
                found.setdefault(metric, {})[seed] = score
    plan = next(plan for (name, _), plan in plans.items() if name == row.name)
    seconds = [result.seconds for result in own.values() if result.status == "done"]
    return Line(
        name=row.name,
        probe=plan.spec.probe,
        structure=plan.spec.structure,
        published_parameters=row.parameters,
        parameters=plan.parameters,
        published=dict(row.scores),
        found=found,
        failed=tuple(seed for seed, result in own.items() if result.status == "failed"),
        seconds=mean(seconds) if seconds else None,
    )
