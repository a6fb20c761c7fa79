"""Tuning replaces the learning rate of each group of jobs by the best of three on validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.schedule.event import Report

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plans.spec import RunSpec
    from probekit.runs.tune import Choice
    from probekit.storage.store import Store


def tune_rates(
    jobs: Sequence[Job], registry: Registry, store: Store, run: Callable[[Sequence[Job]], Report]
) -> tuple[list[Job], list[Choice]]:
    """Return the jobs with their tuned trainers, and what was chosen.

    A group shares all but the seed; its first seed decides. The choice is kept in the store.

    Args:
        jobs: what is to be run.
        registry: where components come from.
        store: where choices are kept, as tune-*/choice.json.
        run: carries out the candidates.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
        RunError: if no rate could be scored.
        UsageError: if the trainer has no learning rate.
    """
    from probekit.plans.plan import slugify
    from probekit.runs.tune import CHOICE, choose_rate, make_candidates, with_trainer

    groups: dict[RunSpec, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.plan.spec.model_copy(update={"seed": 0})].append(job)
    tuned_jobs, choices = [], []
    for group in groups.values():
        trials = make_candidates(group[0], registry)
        report = run(trials)
        if report.interruption:
            raise report.interruption
        choice = choose_rate(trials, [outcome.result for outcome in report.outcomes])
        plan = group[0].plan
        name = slugify(f"tune-{choice.structure}-{choice.probe}-{plan.scale}")
        store.aux_folder(f"{name}-{plan.identity[:12]}").write_json(CHOICE, choice.model_dump(mode="json"))
        first = with_trainer(group[0], choice.trainer, registry)
        tuned_jobs += [first.with_seed(job.plan.seed) for job in group]
        choices.append(choice)
    return tuned_jobs, choices
