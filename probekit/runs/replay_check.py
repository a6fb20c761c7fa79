"""Checks by replay whether a stored run would come out the same with the installed code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from probekit.catalog.registry import Registry
from probekit.plans.job import Job, make_job
from probekit.plans.plan import Plan
from probekit.plans.stored_plan import list_changes
from probekit.plugin.errors import ProbekitError
from probekit.runs.first_steps import observe_training
from probekit.runs.replay import Replay
from probekit.storage.behaviour import find_difference
from probekit.storage.equivalence import LOOSE_TOLERANCE, has_same_pins
from probekit.storage.folder import LOG, Folder
from probekit.storage.result import Result

if TYPE_CHECKING:
    import torch

State = Literal["holds", "differs", "pinned", "unknown"]


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """Whether a stored run would come out the same here, and why."""

    state: State
    why: str


def check_run(
    folder: Folder, result: Result, registry: Registry, device: torch.device, everything: bool
) -> ReplayStatus:
    """Replay a stored run, as far as its files allow.

    Args:
        folder: The run's folder.
        result: The result in the folder.
        registry: The installed components.
        device: The device to replay on.
        everything: Whether to replay a run of released components too, whose versions pin its code.

    Raises:
        StoreError: A file is not as it was stored.
    """
    plan = result.plan
    if result.status != "done":
        return ReplayStatus("unknown", "it failed")
    try:
        job = make_job(plan.spec, registry)
    except ProbekitError as error:
        return ReplayStatus("unknown", f"{error.request}: {error.problem}")
    if not result.behaviour.probe:
        return check_first_row(folder, result, job, device)
    if job.plan.identity != plan.identity:
        changes = ", ".join(list_changes(plan, job.plan)) or "its width, its parameters or a scale's settings"
        return ReplayStatus("differs", f"the same request means another run now: {changes}")
    folder.check_files(result)
    if why := Replay(job, device).compare_run(folder, result, everything=everything):
        return ReplayStatus("differs", why)
    if has_same_pins(plan, job.plan) and not everything:
        return ReplayStatus("pinned", f"all its components are releases: {list_releases(plan)}")
    return ReplayStatus("holds", "its first steps and its answers are the same")


def check_first_row(folder: Folder, result: Result, job: Job, device: torch.device) -> ReplayStatus:
    """Replay a run of probekit 0.1, which stored no first steps, by the mean loss in its log's first row."""
    method = "by its first row, as probekit 0.1 made it"
    try:
        log = folder.read(LOG, result) if LOG in result.files else folder.log()
        row = json.loads(log.splitlines()[0])
        step, loss = int(row["step"]), float(row["loss"])
        numbers = observe_training(job, device, step)
        mean = fmean(float(value) for name, value in numbers.items() if name.startswith("loss of"))
    except (ProbekitError, IndexError, KeyError, ValueError, TypeError) as error:
        return ReplayStatus("unknown", f"{method}: it cannot be replayed ({error})")
    name = f"mean loss of steps 1 to {step}"
    if why := find_difference({name: loss}, {name: mean}, LOOSE_TOLERANCE):
        return ReplayStatus("differs", f"{method}: {why}")
    return ReplayStatus("holds", method)


def list_releases(plan: Plan) -> str:
    """Return the distributions that a plan's components come from, with their versions."""
    versions = {used.distribution: used.distribution_version for used in plan.components if used.distribution}
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
