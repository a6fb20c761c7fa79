"""Equivalence: which results may be counted together, as one probe, one structure, or reruns of one plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from probekit.plans.plan import Plan, UsedComponent
from probekit.plugin.components import ADDITIONS
from probekit.storage.behaviour import Numbers, find_difference
from probekit.storage.result import Environment, Result

TIGHT_TOLERANCE, LOOSE_TOLERANCE = 1e-6, 1e-3
"""Relative tolerances: on the same kind of machine with as many threads, and on another."""
NUMERICAL = ("torch", "device", "threads", "denormals", "machine")
"""The fields of an environment that decide the last digits of a number."""
Item = TypeVar("Item")


def choose_tolerance(first: Environment | None, second: Environment) -> float:
    """Return the relative tolerance between numbers of two environments, of which the first may be unknown.

    A GPU adds in no fixed order, so its numbers are never as close as a CPU's.
    """
    same = all(getattr(first, name, None) == getattr(second, name) for name in NUMERICAL)
    return TIGHT_TOLERANCE if same and second.device == "cpu" else LOOSE_TOLERANCE


def has_same_probe(first: Result, second: Result) -> bool:
    """Return whether two runs have the same probe, so that their scores may share a column.

    For results of probekit 0.1, the hash of the probe's source decides.
    """
    if first.plan.column_key != second.plan.column_key:
        return False
    if not first.behaviour.probe and not second.behaviour.probe:
        return first.plan.probe_component.source == second.plan.probe_component.source
    relative = choose_tolerance(first.environment, second.environment)
    return not find_difference(first.behaviour.probe, second.behaviour.probe, relative)


def matches_probe(stored: Numbers, now: Numbers) -> bool:
    """Return whether a stored fingerprint of a probe agrees with another; False if it is empty."""
    return bool(stored) and not find_difference(stored, now, LOOSE_TOLERANCE)


def has_same_setup(first: Result, second: Result) -> bool:
    """Return whether two runs have the same structure and trainer, so that their seeds may share a row."""
    return not describe_setup_difference(first, second)


def describe_setup_difference(first: Result, second: Result) -> str:
    """Return in words how the structures or trainers of two runs differ; "" if they do not."""
    for used, counterpart in zip(_other_components(first.plan), _other_components(second.plan), strict=False):
        if used.syntax != counterpart.syntax and not has_same_pins(first.plan, second.plan):
            return f"the code of {used.kind} {used.name}"
        if any(getattr(used, name) != getattr(counterpart, name) for name in ("files", "source", "version")):
            return f"the {used.kind} {used.name}"
    relative = choose_tolerance(first.environment, second.environment)
    behaviour, reference = first.behaviour, second.behaviour
    if differing := find_difference(behaviour.structure, reference.structure, relative):
        return differing
    if not behaviour.recipe or not reference.recipe:
        return ""
    return find_difference(behaviour.recipe, reference.recipe, relative)


def is_rerun(first: Result, second: Result) -> bool:
    """Return whether two runs of one plan came from the same code, so that the newer replaces the older.

    A run that failed before its first steps were known counts as a rerun.
    """
    if any(run.status == "failed" and not run.behaviour.training for run in (first, second)):
        return True
    if not has_same_probe(first, second) or not has_same_setup(first, second):
        return False
    relative = choose_tolerance(first.environment, second.environment)
    return not find_difference(first.behaviour.training, second.behaviour.training, relative)


def group_equivalent(items: Sequence[Item], alike: Callable[[Item, Item], bool]) -> list[list[Item]]:
    """Return the items in groups, in order; each member is equivalent to the first of its group."""
    groups: list[list[Item]] = []
    for item in items:
        for group in groups:
            if alike(group[0], item):
                group.append(item)
                break
        else:
            groups.append([item])
    return groups


def has_same_pins(first: Plan, second: Plan) -> bool:
    """Return whether two plans use the same releases, so that their code cannot differ."""
    return bool(first.pins) and first.pins == second.pins


def _other_components(plan: Plan) -> Iterator[UsedComponent]:
    """Yield the components other than the probe, and other than what extends it."""
    return (used for used in plan.components if used.kind not in ("probe", *ADDITIONS))
