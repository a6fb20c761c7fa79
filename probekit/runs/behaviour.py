"""A run's behaviour is noted as it begins, and held to what is stored at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from probekit.errors import StoreError
from probekit.interfaces import Dataset
from probekit.plans.job import Job
from probekit.runs.first_steps import FirstSteps, observe_structure, observe_training
from probekit.runs.machine import environment
from probekit.runs.network import compare_answers, load_trained, unstored_state
from probekit.runs.question import answer_test_items, observe_probe
from probekit.storage.alike import CLOSE, ELSEWHERE
from probekit.storage.behaviour import Behaviour, Numbers, difference
from probekit.storage.folder import ANSWERS, BEHAVIOUR, CHECKPOINT, Folder
from probekit.storage.result import Environment

if TYPE_CHECKING:
    import torch
    from torch import nn

SAME = 1e-5
"""How far, as a share of the largest, answers of one network may lie apart that was stored and loaded."""


def observe_start(job: Job, folder: Folder, device: torch.device) -> None:
    """Note what a run is known by before it trains, unless it goes on from a checkpoint."""
    if (folder.path / CHECKPOINT).exists():
        return
    probe = observe_probe(job.source.target, job.plan.probe, job.probe)
    write_behaviour(
        folder, Behaviour(probe=probe, structure=observe_structure(job, device)), environment(device)
    )


def write_training(folder: Folder, first: FirstSteps, here: Environment) -> bool:
    """Note a run's first steps; returns True."""
    known = read_behaviour(folder).model_copy(update={"training": first.numbers, "seconds": first.seconds})
    write_behaviour(folder, known, here)
    return True


def write_behaviour(folder: Folder, behaviour: Behaviour, here: Environment) -> None:
    """Write what a run is known by, so that no other code goes on with it."""
    folder.write_json(BEHAVIOUR, {"behaviour": behaviour.model_dump(), "environment": here.model_dump()})


def read_behaviour(folder: Folder) -> Behaviour:
    """Return what a folder's run is known by; an empty one where nothing, or nothing whole, was noted."""
    try:
        return Behaviour.model_validate(folder.read_json(BEHAVIOUR)["behaviour"])
    except (StoreError, ValidationError, KeyError):
        return Behaviour()


def store_answers(
    job: Job, model: nn.Module, test: Dataset, folder: Folder, files: dict[str, str], device: torch.device
) -> str:
    """Load the weights that were stored into a new network, and store its answers to the first test items.

    Returns:
        "" where they are those of the network that was trained; else in words how they differ.
    """
    outputs, scores = answer_test_items(model, job.probe, test, device)
    try:
        again = load_trained(job, folder, None, device)
        loaded, scored = answer_test_items(again, job.probe, test, device)
    except Exception as error:
        return f"its weights cannot be loaded into a new network ({error})"
    files[ANSWERS] = folder.write_tensors(ANSWERS, {"outputs": loaded}, {"scores": scored})
    if not compare_answers(outputs, loaded, SAME):
        return ""
    metric = job.probe.metrics[0].name
    names = ", ".join(unstored_state(model, again))
    lost = f"{metric} of {len(outputs)} test items is {scores[metric]} as trained, {scored[metric]} as loaded"
    return f"the network keeps state that its state_dict does not hold{names and f' ({names})'}: {lost}"


def repeat_start(job: Job, behaviour: Behaviour, device: torch.device) -> str:
    """Take a run's first steps again, and return in words what differs; "" where nothing does."""
    relative = CLOSE if device.type == "cpu" else ELSEWHERE
    return difference(behaviour.training, observe_training(job, device), relative)


def observe_recipe(job: Job, behaviour: Behaviour, device: torch.device) -> Numbers:
    """Return the numbers of a run's first steps as they are from seed 0; none of a trainer without steps."""
    if not behaviour.reports_steps or job.plan.seed == 0:
        return behaviour.training if behaviour.reports_steps else {}
    return observe_training(job.seeded(0), device)
