"""Reproduction compares published tables with our runs: the numbers, the order, the conclusions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import mean

from pydantic import BaseModel, ConfigDict

from probekit.catalog.grammar import Term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import Registry
from probekit.evidence.conclusions import Conclusion, Models, Order, compare_order, judge_claims
from probekit.evidence.estimate import estimate_score
from probekit.evidence.noise_model import NoiseModel, ScaleNoise, measure_spread
from probekit.plans.plan import Plan
from probekit.plans.spec import RunSpec, make_spec
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.plugin.interfaces import Claim, Metric, Published
from probekit.storage.equivalence import group_equivalent, has_same_probe
from probekit.storage.result import Environment, Result

PUBLISHED_SCALE = "paper"
TRAIN = "train/"

RowSeed = tuple[str, int]
"""A row's name and a seed."""


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table: its name, its probe's name, its rows and claims, and the probe's metrics."""

    name: str
    probe: str
    rows: tuple[Published, ...]
    claims: tuple[Claim, ...]
    metrics: tuple[Metric, ...]

    @property
    def headline(self) -> Metric:
        """The metric that orders the rows."""
        return self.metrics[0]

    def rank_key(self, row: str) -> float:
        """Return a number that grows with how bad a row's published headline is; infinity without one."""
        scores = {published.name: published.scores.get(self.headline.name) for published in self.rows}
        score = scores[row]
        return inf if score is None else score if self.headline.better == "lower" else -score


class ReproducedRow(BaseModel):
    """One row of a published table, and our runs of it.

    Attributes:
        name: The row's name as printed.
        probe: The probe as requested.
        structure: The structure as requested.
        published_parameters: Parameters according to the paper.
        parameters: Parameters of our network.
        published: Published scores by metric.
        found: Our scores by metric and seed.
        failed: Seeds that failed.
        seconds: Mean training time of the scored seeds, None without one.
    """

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

    def mean_score(self, metric: str) -> float | None:
        """Return the mean over seeds, None if no seed was scored."""
        scores = self.found.get(metric, {})
        return mean(scores.values()) if scores else None


class Reproduction(BaseModel):
    """A published table compared with our runs at one scale.

    Attributes:
        name: The table's name.
        scale: The scale of our runs.
        headline: The metric that orders the rows.
        metrics: The published metrics, the headline among them.
        lines: The rows.
        order: The published order of rows compared with ours.
        conclusions: The paper's claims, and whether they hold.
        environments: Where our runs were made.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    scale: str
    headline: str
    metrics: tuple[str, ...]
    lines: tuple[ReproducedRow, ...]
    order: Order
    conclusions: tuple[Conclusion, ...]
    environments: tuple[Environment, ...]


def find_published_tables(registry: Registry, names: Sequence[str]) -> list[PublishedTable]:
    """Return the published tables of these names, or all of them if no name is given.

    Raises:
        UsageError: No installed probe has a table of that name.
    """
    tables: dict[str, PublishedTable] = {}
    for component in registry.components("probe"):
        probe = resolve_part("probe", Term(component.name), registry)
        published: tuple[Published, ...] = getattr(probe.target, "published", ())
        claims: tuple[Claim, ...] = getattr(probe.target, "claims", ())
        metrics = probe.make().metrics if published else ()
        for table in dict.fromkeys(row.table for row in published):
            tables[table] = PublishedTable(
                table,
                component.name,
                tuple(row for row in published if row.table == table),
                tuple(claim for claim in claims if claim.table == table),
                metrics,
            )
    for name in names:
        if name not in tables:
            raise UsageError(f"the table {name!r}", "no probe has it", did_you_mean(name, tables))
    return [tables[name] for name in (names or sorted(tables))]


def make_row_specs(source: PublishedTable, scale: str, trainer: str) -> dict[str, RunSpec]:
    """Return what to run for seed 0, by row; at the published scale a row has its published width."""
    return {
        row.name: make_spec(
            probe=str(Term(source.probe, tuple(sorted(row.probe.items())))),
            structure=row.fallback.get(scale, row.structure),
            scale=scale,
            trainer=trainer,
            width=row.width if scale == PUBLISHED_SCALE else None,
        )
        for row in source.rows
    }


def compare_with_published(
    source: PublishedTable, scale: str, plans: Mapping[RowSeed, Plan], results: Mapping[RowSeed, Result]
) -> Reproduction:
    """Compare a published table with our results.

    Args:
        source: The published table.
        scale: The scale of the results.
        plans: The plan of each row and seed.
        results: The results; missing ones are left open.

    Raises:
        ValueError: A result is of other code or another version of the probe, or of another scale.
    """
    by_row: dict[str, list[Result]] = defaultdict(list)
    for (row, seed), result in results.items():
        by_row[row].append(result)
        if result.plan.column_key[1:] != plans[row, seed].column_key[1:]:
            raise ValueError("a result is of another version of the probe, or another scale, than its plan")
    if any(len(group_equivalent(row, has_same_probe)) > 1 for row in by_row.values()):
        raise ValueError("the results of one row used different code of the probe")
    rows = tuple(gather_row(row, plans, results) for row in source.rows)
    stated = next((plan.noise for plan in plans.values() if plan.noise), {})
    headline = source.headline
    models = fit_row_models(rows, source.metrics, stated)
    published = {row.name: row.scores[headline.name] for row in source.rows if headline.name in row.scores}
    scores = {row.name: row.found for row in rows}
    estimates = {
        row.name: estimate_score(list(found.values()), models[row.name].get(headline.name))
        for row in rows
        if (found := row.found.get(headline.name))
    }
    done = [result for result in results.values() if result.status == "done"]
    return Reproduction(
        name=source.name,
        scale=scale,
        headline=headline.name,
        metrics=tuple(dict.fromkeys(metric for row in source.rows for metric in row.scores)),
        lines=rows,
        order=compare_order(headline, published, scores, estimates),
        conclusions=judge_claims(source.claims, scores, models),
        environments=tuple(dict.fromkeys(result.environment for result in done)),
    )


def fit_row_models(
    rows: Sequence[ReproducedRow], metrics: Sequence[Metric], stated: Mapping[str, float]
) -> Models:
    """Fit the noise of each row and metric on the other rows; where they are too few, take what is stated."""
    models: dict[str, dict[str, NoiseModel | None]] = {row.name: {} for row in rows}
    for metric in metrics:
        spreads = {
            row.name: measure_spread(list(found.values()))
            for row in rows
            if (found := row.found.get(metric.name))
        }
        noise = ScaleNoise(metric, spreads, stated.get(metric.name))
        for row in rows:
            models[row.name][metric.name] = noise.fit_without(row.name)
    return models


def gather_row(
    row: Published, plans: Mapping[RowSeed, Plan], results: Mapping[RowSeed, Result]
) -> ReproducedRow:
    """Collect the seeds of one row."""
    by_seed = {seed: result for (name, seed), result in results.items() if name == row.name}
    all_scores: dict[str, dict[int, float]] = {}
    for seed, result in by_seed.items():
        scores = {**result.metrics, **{TRAIN + name: score for name, score in result.train.items()}}
        for metric, score in scores.items():
            if score is not None:
                all_scores.setdefault(metric, {})[seed] = score
    plan = next(plan for (name, _), plan in plans.items() if name == row.name)
    seconds = [result.seconds for result in by_seed.values() if result.status == "done"]
    return ReproducedRow(
        name=row.name,
        probe=plan.spec.probe,
        structure=plan.spec.structure,
        published_parameters=row.parameters,
        parameters=plan.parameters,
        published=dict(row.scores),
        found=all_scores,
        failed=tuple(seed for seed, result in by_seed.items() if result.status == "failed"),
        seconds=mean(seconds) if seconds else None,
    )
