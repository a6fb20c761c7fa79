"""Tuning chooses a learning rate on the validation split, from the same three for every structure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from probekit.catalog.grammar import Term, parse_term
from probekit.catalog.registry import Registry
from probekit.plans.job import Job, make_job
from probekit.plans.spec import RunSpec, make_spec
from probekit.plugin.errors import RunError, UsageError
from probekit.schedule.choice import CHOICE, Choice
from probekit.schedule.event import Report
from probekit.storage.result import Result

if TYPE_CHECKING:
    from probekit.storage.store import Store

FACTORS = (0.333, 1.0, 3.0)
RATE = "lr"


def make_candidates(job: Job, registry: Registry) -> list[Job]:
    """Return the job with a third of its learning rate, with the rate itself, and with three times it.

    Raises:
        UsageError: The trainer has no `lr`.
    """
    term = parse_term(job.plan.spec.trainer)
    base_rate = job.trainer.params.get(RATE)
    if not isinstance(base_rate, float | int):
        request = f"--tune or --recipes with trainer {term.name!r}"
        raise UsageError(request, "it has no lr to tune", "Leave the option out.")
    jobs = []
    for factor in FACTORS:
        params = dict(term.params)
        if factor != 1:
            params[RATE] = float(f"{base_rate * factor:.3g}")
        jobs.append(with_trainer(job, str(Term(term.name, tuple(sorted(params.items())))), registry))
    return jobs


def with_trainer(job: Job, trainer: str, registry: Registry) -> Job:
    """Return the job with another trainer."""
    return make_job(make_spec(**{**job.plan.spec.model_dump(), "trainer": trainer}), registry)


def choose_rate(jobs: Sequence[Job], results: Sequence[Result], keep_typed: bool = True) -> Choice:
    """Choose the candidate with the best validation score; raises RunError if none was scored.

    Args:
        jobs: The candidates, in the order of `FACTORS`.
        results: Their results.
        keep_typed: Whether cards count the typed rate even if another one was chosen.
    """
    metric = jobs[0].probe.metrics[0]
    scores = {result.plan.identity: result.validation.get(metric.name) for result in results}
    tried = {read_rate(job): scores.get(job.plan.identity) for job in jobs}
    scored = {read_rate(job): job for job in jobs if tried[read_rate(job)] is not None}
    spec = jobs[0].plan.spec
    if not scored:
        request = f"tuning {spec.structure} on {spec.probe}"
        raise RunError(request, "no rate could be scored", "See why the runs failed.")
    sign = 1 if metric.better == "lower" else -1
    best_rate = min(scored, key=lambda candidate: sign * (tried[candidate] or 0.0))
    best = scored[best_rate]
    return Choice(
        probe=spec.probe,
        structure=spec.structure,
        scale=spec.scale,
        metric=metric.name,
        tried=tried,
        rate=best_rate,
        trainer=best.plan.spec.trainer,
        rejected=tuple(
            job.plan.identity
            for factor, job in zip(FACTORS, jobs, strict=True)
            if not (keep_typed and factor == 1) and job is not best
        ),
    )


def read_rate(job: Job) -> float:
    """Return a job's learning rate."""
    return float(job.trainer.params[RATE] or 0.0)


def group_seeds(jobs: Sequence[Job]) -> list[list[Job]]:
    """Return the jobs in groups that share all but the seed."""
    groups: dict[RunSpec, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.plan.spec.model_copy(update={"seed": 0})].append(job)
    return list(groups.values())


def list_trials(jobs: Sequence[Job], registry: Registry) -> list[Job]:
    """Return as many jobs as tuning runs at most: the candidates of each group, and its further seeds."""
    return [
        job for first, *further in group_seeds(jobs) for job in (*make_candidates(first, registry), *further)
    ]


def tune_rates(
    jobs: Sequence[Job],
    registry: Registry,
    store: Store,
    run: Callable[[Sequence[Job]], Report],
    fits: Callable[[Job, Result], bool] | None = None,
) -> tuple[list[Job], list[Choice]]:
    """Return the jobs with their tuned trainers, and what was chosen.

    A group shares all but the seed; its first seed decides. The choice is kept in the store.

    Args:
        jobs: what is to be run.
        registry: where components come from.
        store: where choices are kept, as tune-*/choice.json.
        run: carries out the candidates.
        fits: tells of the run with the typed rate whether that one is good enough; None tries all rates.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
        RunError: if no rate could be scored.
        UsageError: if the trainer has no learning rate.
    """
    tuned_jobs, choices = [], []
    for group in group_seeds(jobs):
        trials = make_candidates(group[0], registry)
        own = trials[FACTORS.index(1.0)]
        report = run([own])
        if fits and not report.interruption and any(fits(own, outcome.result) for outcome in report.outcomes):
            tuned_jobs += group
            continue
        if not report.interruption:
            report = run(trials)
        if report.interruption:
            raise report.interruption
        results = [outcome.result for outcome in report.outcomes]
        choice = choose_rate(trials, results, keep_typed=fits is None)
        folder = store.aux_folder(group[0].plan.name_file("tune"))
        folder.write_json(CHOICE, choice.model_dump(mode="json"))
        first = with_trainer(group[0], choice.trainer, registry)
        tuned_jobs += [first.with_seed(job.plan.seed) for job in group]
        choices.append(choice)
    return tuned_jobs, choices
