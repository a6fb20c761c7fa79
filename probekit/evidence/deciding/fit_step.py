"""The next step for a structure that did not fit: other recipes, the easy task, or more time."""

from __future__ import annotations

from probekit.catalog.grammar import Term, parse_term
from probekit.evidence.deciding.next_step import NextStep, plan_seeds
from probekit.evidence.estimate import MIN_SEEDS
from probekit.plans.plan import Plan
from probekit.plans.rerun_commands import list_rerun_commands
from probekit.plans.spec import make_easy_probe

LENGTHS = ("epochs", "steps")
"""Parameters of trainers that say how long they train."""
RECIPES = 3
"""How many recipes are tried."""


def suggest_fit(
    plan: Plan, seconds: float | None, seeds: int, is_best: bool, lacks_easy_runs: bool
) -> NextStep | None:
    """Return the step that tells a structure that lacks the property from one that was not trained well.

    Args:
        plan: The plan of one seed.
        seconds: How long a seed trains.
        seeds: How many seeds there are.
        is_best: Whether its recipe is the best of three.
        lacks_easy_runs: Whether the probe has a matched easy task that was not run.
    """
    if not is_best:
        return NextStep(
            reason="the best of three recipes, which may fit",
            command=f"{write_command(plan, seeds)} --recipes",
            seconds=None if seconds is None else seconds * (RECIPES - 1 + seeds - 1),
        )
    if lacks_easy_runs:
        spec = plan.spec.model_copy(update={"probe": make_easy_probe(plan.spec.probe)})
        return NextStep(
            reason="the matched easy task, which shows whether it was trained well",
            command=write_command(plan.model_copy(update={"spec": spec}), MIN_SEEDS),
            seconds=None if seconds is None else seconds * MIN_SEEDS,
            easy_probe=spec.probe,
        )
    return suggest_longer(plan, seconds, seeds)


def suggest_longer(plan: Plan, seconds: float | None, seeds: int) -> NextStep | None:
    """Return the command that trains for twice as long; None if the trainer has no such parameter."""
    params = dict(parse_term(plan.trainer).params)
    for name in LENGTHS:
        value = params.get(name)
        if isinstance(value, int | float) and value > 0:
            typed = parse_term(plan.spec.trainer)
            longer = Term(typed.name, tuple(sorted({**dict(typed.params), name: 2 * value}.items())))
            spec = plan.spec.model_copy(update={"trainer": str(longer)})
            return NextStep(
                reason="twice the training",
                command=write_command(plan.model_copy(update={"spec": spec}), seeds),
                seconds=None if seconds is None else 2 * seconds * seeds,
            )
    return None


def write_command(plan: Plan, seeds: int) -> str:
    """Return the command that runs the first seeds of a plan."""
    return next(list_rerun_commands(plan_seeds(plan, range(seeds))))
