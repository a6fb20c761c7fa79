"""Judgement of runs: the verdict on each structure, as a card of these runs would give it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from probekit.cards.aggregate import StoredRun
from probekit.cards.assemble import make_column
from probekit.cards.card import Column
from probekit.cards.cell import Cell
from probekit.cards.certificates import certificate_of, stored_certificates
from probekit.cards.names import Names
from probekit.cards.select_runs import EasyRuns
from probekit.catalog.registry import Registry
from probekit.evidence.deciding.next_step import NextStep
from probekit.evidence.verdict import Verdict
from probekit.plans.spec import split_host
from probekit.plugin.errors import ProbekitError
from probekit.storage.equivalence import group_equivalent, has_same_probe
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store


class Judgement(BaseModel):
    """What the scores of runs that were judged together say about one structure on one probe.

    Attributes:
        verdict: The verdict.
        metric: The headline metric, which is judged.
        normalised: The mean score over seeds: 0 is the floor, 1 is perfect. None without a floor or a score.
        interval: The judged interval of `normalised`; None if nothing tells how much seeds vary.
        next_step: What would decide the verdict; None if it is decided.
        seeds: How many seeds were judged together.
        host: The network with its parameters, without the layer that it hosts.
        recipe: The trainer with its parameters.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    metric: str
    normalised: float | None
    interval: tuple[float, float] | None
    next_step: NextStep | None
    seeds: int
    host: str
    recipe: str

    def columns(self) -> dict[str, str | float | int | None]:
        """Return the judgement as columns of a table, the interval as its two ends."""
        low, high = self.interval or (None, None)
        return {
            "verdict": self.verdict.text,
            "verdict_why": self.verdict.why,
            "normalised": self.normalised,
            "normalised_low": low,
            "normalised_high": high,
            "next_step": self.next_step.reason if self.next_step else "",
            "next_command": self.next_step.command if self.next_step else "",
            "next_seconds": self.next_step.seconds if self.next_step else None,
            "seeds": self.seeds,
            "host": self.host,
            "recipe": self.recipe,
        }


def make_column_of_runs(runs: Sequence[StoredRun], store: Store, registry: Registry) -> Column:
    """Return the column of runs of one probe, code and scale that were just made."""
    structures, probes = [run.plan.spec.structure for run in runs], [run.plan.spec.probe for run in runs]
    names = Names(registry, structures, probes)
    result, left_out = runs[0].result, list[str]()
    probe = names.make_scored_probe(run.plan for run in runs)
    certificate = certificate_of(result, stored_certificates(store, left_out), names, left_out)
    return make_column(runs, probe, certificate, names, left_out, result.behaviour.probe, EasyRuns())


def judge_runs(runs: Sequence[StoredRun], store: Store, registry: Registry) -> dict[str, Judgement]:
    """Judge runs by probe, scale and structure, over all seeds that are given.

    Args:
        runs: The runs, failed ones among them.
        store: Where certificates are.
        registry: The installed components.

    Returns:
        Judgements by the name of the run's folder. A run that failed, or whose probe is not installed, has
        none.
    """
    results = {run.folder.path.name: run.result for run in runs}
    judgements: dict[str, Judgement] = {}
    for column in make_columns_of_runs(runs, store, registry):
        judgements |= dict(judge_column(column, results))
    return judgements


def judge_run(registry: Registry, result: Result, folder: Folder) -> str | None:
    """Return the verdict on one run alone, in words; None if it failed or its probe is not installed."""
    judgements = judge_runs([StoredRun(result, folder)], Store(folder.path.parent), registry)
    judgement = judgements.get(folder.path.name)
    return None if judgement is None else judgement.verdict.text


def make_columns_of_runs(runs: Sequence[StoredRun], store: Store, registry: Registry) -> Iterator[Column]:
    """Yield a column for each probe, code and scale of these runs, without those that failed."""
    done = [run for run in runs if run.result.status == "done"]
    for group in group_equivalent(done, lambda first, second: has_same_probe(first.result, second.result)):
        with contextlib.suppress(ProbekitError):  # the probe is not installed
            yield make_column_of_runs(group, store, registry)


def judge_column(column: Column, results: dict[str, Result]) -> Iterator[tuple[str, Judgement]]:
    """Yield the judgement of each run in a column, by the name of its folder."""
    for cell in column.cells:
        for run in cell.done:
            result = results[run.folder]
            yield run.folder, judge_cell(cell, column, result)


def judge_cell(cell: Cell, column: Column, result: Result) -> Judgement:
    """Return the judgement of a cell for one of its runs."""
    return Judgement(
        verdict=cell.verdict,
        metric=column.metric,
        normalised=cell.headline.place,
        interval=cell.headline.reach if cell.estimate is not None else None,
        next_step=cell.next_step,
        seeds=len(cell.done),
        host=split_host(result.plan.structure)[0],
        recipe=result.plan.trainer,
    )
