"""A run's behaviour is recorded as it begins, and compared with the stored network at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from probekit.plans.job import Job
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Dataset
from probekit.runs.fingerprint import answer_test_items, observe_probe
from probekit.runs.first_steps import FirstSteps, observe_structure, observe_training
from probekit.runs.machine import read_environment
from probekit.runs.network import compare_answers, find_unstored_state, load_trained
from probekit.storage.behaviour import Behaviour, Numbers, find_difference
from probekit.storage.equivalence import LOOSE_TOLERANCE, TIGHT_TOLERANCE
from probekit.storage.folder import ANSWERS, BEHAVIOUR, CHECKPOINT, Folder
from probekit.storage.result import Environment

if TYPE_CHECKING:
    import torch
    from torch import nn

SAME = 1e-5
"""Relative tolerance between the answers of a network before and after it is stored and loaded."""


def observe_start(job: Job, folder: Folder, device: torch.device) -> None:
    """Record probe and structure before a run trains, unless it goes on from a checkpoint."""
    if (folder.path / CHECKPOINT).exists():
        return
    probe = observe_probe(job.source.target, job.plan.probe, job.probe)
    behaviour = Behaviour(probe=probe, structure=observe_structure(job, device))
    write_behaviour(folder, behaviour, read_environment(device))


def write_training(folder: Folder, first: FirstSteps, current: Environment) -> None:
    """Record a run's first steps."""
    update = {"training": first.numbers, "seconds": first.seconds}
    write_behaviour(folder, read_behaviour(folder).model_copy(update=update), current)


def write_behaviour(folder: Folder, behaviour: Behaviour, current: Environment) -> None:
    """Write a run's behaviour, so that no other code goes on with the run."""
    folder.write_json(BEHAVIOUR, {"behaviour": behaviour.model_dump(), "environment": current.model_dump()})


def read_behaviour(folder: Folder) -> Behaviour:
    """Return the behaviour recorded in a folder; an empty one if there is none or it is not whole."""
    try:
        return Behaviour.model_validate(folder.read_json(BEHAVIOUR)["behaviour"])
    except (StoreError, ValidationError, KeyError):
        return Behaviour()


def store_answers(
    job: Job, model: nn.Module, test: Dataset, folder: Folder, files: dict[str, str], device: torch.device
) -> str:
    """Load the stored weights into a new network, and store its answers to the first test items.

    Args:
        job: The run.
        model: The trained network.
        test: The test split.
        folder: The run's folder, with the weights.
        files: The sha256 of each file by name; the answers are added.
        device: The device.

    Returns:
        How the answers differ from the trained network's; "" if they do not.
    """
    outputs, scores = answer_test_items(model, job.probe, test, device)
    try:
        reloaded = load_trained(job, folder, None, device)
        new_outputs, new_scores = answer_test_items(reloaded, job.probe, test, device)
    except Exception as error:
        return f"its weights cannot be loaded into a new network ({error})"
    files[ANSWERS] = folder.write_tensors(ANSWERS, {"outputs": new_outputs}, {"scores": new_scores})
    if not compare_answers(outputs, new_outputs, SAME):
        return ""
    metric = job.probe.metrics[0].name
    names = ", ".join(find_unstored_state(model, reloaded))
    change = f"{scores[metric]} as trained, {new_scores[metric]} as loaded"
    return (
        f"the network keeps state that its state_dict does not hold{names and f' ({names})'}: "
        f"{metric} of {len(outputs)} test items is {change}"
    )


def repeat_start(job: Job, behaviour: Behaviour, device: torch.device) -> str:
    """Repeat a run's first steps and return in words how they differ; "" if they do not."""
    relative = TIGHT_TOLERANCE if device.type == "cpu" else LOOSE_TOLERANCE
    return find_difference(behaviour.training, observe_training(job, device), relative)


def observe_recipe(job: Job, behaviour: Behaviour, device: torch.device) -> Numbers:
    """Return the first steps from seed 0; empty for a trainer that reports no steps."""
    if not behaviour.reports_steps:
        return {}
    return behaviour.training if job.plan.seed == 0 else observe_training(job.with_seed(0), device)
