"""The next step is the command that would decide a verdict, and about how long it takes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from statistics import mean

from pydantic import BaseModel, ConfigDict

from probekit.evidence.bounds import Bound
from probekit.evidence.deciding.power import MOST_SEEDS, Outlook
from probekit.evidence.estimate import MIN_SEEDS, add_variances
from probekit.evidence.estimate_runs import list_scores, measure_item_variance
from probekit.evidence.noise_model import ScaleNoise, measure_spread
from probekit.evidence.verdict import Verdict
from probekit.evidence.words import Word
from probekit.plans.plan import Plan
from probekit.plans.rerun_commands import list_rerun_commands
from probekit.plugin.interfaces import Metric, Probe
from probekit.scores.interval import CONFIDENCE
from probekit.storage.result import Result, normalize_score

WORTH = 30
"""More further seeds than this are not worth a decision: the score lies at the threshold."""


class NextStep(BaseModel):
    """What would decide a verdict.

    Attributes:
        reason: What is missing, or why no command is worth it, as a clause.
        command: The command, "" if none is worth it.
        seconds: How long its new runs train one by one, by the stored runs; None if that is not known.
        seeds: How many further seeds the command runs; 0 if it runs something else.
        easy_probe: The matched easy task that the command runs, "" if it runs something else.
    """

    model_config = ConfigDict(frozen=True)

    reason: str
    command: str = ""
    seconds: float | None = None
    seeds: int = 0
    easy_probe: str = ""


def suggest_next_step(
    verdict: Verdict,
    results: Sequence[Result],
    probe: Probe,
    outlook: Outlook | None,
    confidence: float = CONFIDENCE,
) -> NextStep | None:
    """Return what would decide a verdict; None if it is decided, or if no more of the same would decide it.

    Args:
        verdict: The verdict on one structure.
        results: Its scored runs.
        probe: The probe.
        outlook: What these runs let one predict.
        confidence: The level at which the verdict is judged.
    """
    if verdict.word is not Word.UNDECIDED or not results:
        return None
    plan = results[0].plan
    scale = probe.scales.get(plan.scale)
    if scale is not None and not scale.decides:
        return suggest_scale(plan, probe)
    if outlook is None:
        return None
    if outlook.predicted is None and outlook.seeds < MIN_SEEDS:
        return suggest_seeds(results, MIN_SEEDS)
    if outlook.predicted is None and not outlook.own:
        return NextStep(reason="four other structures in this store would show how much seeds vary")
    count = outlook.count_seeds(probe.thresholds, confidence)
    if count is not None and count - outlook.seeds <= WORTH:
        return suggest_seeds(results, count)
    nearest = min(probe.thresholds, key=lambda threshold: abs(threshold - outlook.mean))
    distance = f"within {max(abs(nearest - outlook.mean), 0.01):.0%} of the threshold"
    rest = f"more than {MOST_SEEDS:,}" if count is None else f"about {count - outlook.seeds}"
    return NextStep(reason=f"{distance}; {rest} more seeds would tell")


def make_outlook(
    results: Sequence[Result], metric: Metric, noise: ScaleNoise, floor: Bound
) -> Outlook | None:
    """Return what runs of one structure let one predict, None without a normalised score."""
    scores = list_scores(results, metric)
    average = normalize_score(mean(scores), floor.value, metric.perfect) if scores else None
    if average is None or floor.value is None:
        return None
    square = (metric.perfect - floor.value) ** 2
    model = noise.fit_without(results[0].plan.structure)
    item_variance, items = measure_item_variance(results, metric)
    floor_square = ((1 - average) * floor.error) ** 2
    fixed, fixed_freedom = add_variances(item_variance, max(items - 1, 1), floor_square, MIN_SEEDS - 1)
    return Outlook(
        mean=average,
        seeds=len(scores),
        own=measure_spread(scores).variance / square,
        predicted=None if model is None else float(model.predict(mean(scores))) / square,
        freedom=1.0 if model is None else model.freedom,
        fixed=float(fixed) / square,
        fixed_freedom=float(fixed_freedom),
    )


def suggest_seeds(results: Sequence[Result], total: int) -> NextStep:
    """Return the command that brings a structure to a total number of seeds."""
    plan, stored = results[0].plan, {result.plan.seed for result in results}
    more = total - len(stored)
    last = next(last for last in range(total + 1) if len(set(range(last)) - stored) >= more)
    text = "1 more seed" if more == 1 else f"{more} more seeds"
    return NextStep(
        reason=f"about {text}",
        command=next(list_rerun_commands(plan_seeds(plan, range(last)))),
        seconds=more * mean(result.seconds for result in results),
        seeds=more,
    )


def suggest_scale(plan: Plan, probe: Probe) -> NextStep | None:
    """Return the command that runs the same at the probe's first scale that decides; None without one."""
    for name, scale in probe.scales.items():
        if scale.decides:
            spec = plan.spec.model_copy(update={"scale": name})
            command = next(list_rerun_commands([plan.model_copy(update={"spec": spec})]))
            return NextStep(reason=f"a scale that decides, {name}", command=command, seconds=scale.seconds)
    return None


def plan_seeds(plan: Plan, seeds: Sequence[int]) -> list[Plan]:
    """Return the same plan with each of these seeds."""
    return [
        plan.model_copy(update={"seed": seed, "spec": plan.spec.model_copy(update={"seed": seed})})
        for seed in seeds
    ]


def add_store(command: str, folder: str) -> str:
    """Return a command for runs in another folder than the default one."""
    return shlex.join([*shlex.split(command), "--store", folder]) if folder else command
