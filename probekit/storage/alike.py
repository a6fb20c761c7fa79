"""Results are alike where they may be counted together: of one question, of one structure, or reruns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from probekit.plans.plan import Plan, Used
from probekit.storage.behaviour import Numbers, difference
from probekit.storage.result import Environment, Result

CLOSE, ELSEWHERE = 1e-6, 1e-3
"""Relative tolerances: on the same kind of machine with as many threads, and on another."""
NUMERICAL = ("torch", "device", "threads", "denormals", "machine")
"""What of an environment decides the last digits of a number."""
Item = TypeVar("Item")


def tolerance(one: Environment, other: Environment) -> float:
    """Return the relative tolerance between numbers of two environments.

    A GPU adds in no fixed order, so that its numbers are never as close as those of a CPU.
    """
    same = all(getattr(one, name) == getattr(other, name) for name in NUMERICAL)
    return CLOSE if same and one.device == "cpu" else ELSEWHERE


def asks_alike(one: Result, other: Result) -> bool:
    """Return whether two runs answer the same question, so that their scores may share a column.

    Of what probekit 0.1 stored, the hash of the probe's source decides.
    """
    if one.plan.question != other.plan.question:
        return False
    first, second = one.behaviour.probe, other.behaviour.probe
    if not first or not second:
        return not first and not second and one.plan.asker.source == other.plan.asker.source
    return not difference(first, second, tolerance(one.environment, other.environment))


def asks_as(result: Result, numbers: Numbers) -> bool:
    """Return whether a run answers the question that these numbers of a probe are of."""
    return bool(result.behaviour.probe) and not difference(result.behaviour.probe, numbers, ELSEWHERE)


def answers_alike(one: Result, other: Result) -> bool:
    """Return whether two runs are of one structure and trainer, so that their seeds may share a row."""
    return not answer_difference(one, other)


def answer_difference(one: Result, other: Result) -> str:
    """Return in words how the structures or trainers of two runs differ; "" where they do not."""
    for used, twin in zip(_answering(one.plan), _answering(other.plan), strict=False):
        if used.syntax != twin.syntax and not pinned_alike(one.plan, other.plan):
            return f"the code of {used.kind} {used.name}"
        if (used.files, used.source, used.version) != (twin.files, twin.source, twin.version):
            return f"the {used.kind} {used.name}"
    relative = tolerance(one.environment, other.environment)
    first, second = one.behaviour, other.behaviour
    if differing := difference(first.structure, second.structure, relative):
        return differing
    return difference(first.recipe, second.recipe, relative) if first.recipe and second.recipe else ""


def is_rerun(one: Result, other: Result) -> bool:
    """Return whether two runs of one request came from the same code: the newer then replaces the older.

    One that failed before anything was known of it counts as a rerun.
    """
    if any(run.status == "failed" and not run.behaviour.training for run in (one, other)):
        return True
    if not asks_alike(one, other) or not answers_alike(one, other):
        return False
    first, second = one.behaviour.training, other.behaviour.training
    return not difference(first, second, tolerance(one.environment, other.environment))


def group_alike(items: Sequence[Item], alike: Callable[[Item, Item], bool]) -> list[list[Item]]:
    """Return the items in groups whose members are like the first of their group, in order."""
    groups: list[list[Item]] = []
    for item in items:
        for group in groups:
            if alike(group[0], item):
                group.append(item)
                break
        else:
            groups.append([item])
    return groups


def pinned_alike(one: Plan, other: Plan) -> bool:
    """Return whether two plans rest on the same releases, so that nothing of their code can differ."""
    return bool(one.pins) and one.pins == other.pins


def _answering(plan: Plan) -> Iterator[Used]:
    """Yield the components that answer a probe."""
    return (used for used in plan.components if used.kind != "probe")
