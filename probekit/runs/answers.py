"""Answers to the first test items are stored with a run, and compared with those of its weights later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.plans.job import Job
from probekit.plugin.interfaces import Dataset, Probe
from probekit.plugin.items import iterate_batches
from probekit.runs.network import load_trained
from probekit.scores.score import check_shape, eval_batch_size, evaluate_metric, mean_scores
from probekit.storage.behaviour import Numbers, find_difference
from probekit.storage.folder import ANSWERS, Folder
from probekit.storage.result import Result

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

STORED_ANSWERS = 16
"""How many test items' answers are stored with a run."""
SAME = 1e-5
"""Relative tolerance between the answers of a network before and after it is stored and loaded."""


def compute_answers(model: nn.Module, probe: Probe, inputs: Tensor) -> Tensor:
    """Return a network's outputs in eval mode, float32."""
    import torch

    model.eval()
    with torch.no_grad():
        return check_shape(
            model(inputs.clone()), [(len(inputs), probe.shape.outputs, *probe.shape.answer_size)]
        ).float()


def answer_test_items(
    model: nn.Module, probe: Probe, test: Dataset, device: torch.device
) -> tuple[Tensor, Numbers]:
    """Return a network's outputs for the first 16 test items, and their mean scores.

    Returns:
        The outputs, (16, outputs, *size) float32 on the CPU, and the scores by metric.
    """
    import torch

    outputs: list[Tensor] = []
    scores: dict[str, list[Tensor]] = {metric.name: [] for metric in probe.metrics}
    count = min(STORED_ANSWERS, len(test))
    for _, *columns in iterate_batches(test, count, eval_batch_size(probe.shape.size)):
        inputs, targets = (column.to(device) for column in columns)
        outputs.append(compute_answers(model, probe, inputs))
        for metric in probe.metrics:
            scores[metric.name].append(evaluate_metric(metric, outputs[-1], targets, inputs))
    averages = mean_scores({name: torch.cat(values) for name, values in scores.items()})
    return torch.cat(outputs).cpu(), {name: str(v) if v is None else v for name, v in averages.items()}


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


def repeat_answers(job: Job, folder: Folder, result: Result, device: torch.device, relative: float) -> str:
    """Return in words how the stored weights answer differently now than when they were stored; "" if not."""
    if ANSWERS not in result.files:
        return ""
    tensors, about = folder.read_tensors(ANSWERS, result)
    model = load_trained(job, folder, result, device)
    outputs, scores = answer_test_items(model, job.probe, job.probe.data("test", 0), device)
    return compare_answers(tensors["outputs"], outputs, relative) or find_difference(
        about["scores"], scores, relative
    )


def compare_answers(stored: Tensor, now: Tensor, relative: float) -> str:
    """Return in words where two networks answer the same items differently; "" if they do not.

    Args:
        stored: One network's outputs, (items, outputs, *size).
        now: The other's.
        relative: The tolerance, as a share of the largest number in the answers.
    """
    if stored.shape != now.shape:
        return f"answers of shape {tuple(stored.shape)} stored, {tuple(now.shape)} now"
    gaps = (stored.double() - now.double()).abs()
    if not gaps.numel() or float(gaps.max()) <= relative * float(stored.double().abs().max()):
        return ""
    index = int(gaps.argmax())
    item = index // max(1, gaps[0].numel())
    before, after = (float(outputs.flatten()[index]) for outputs in (stored, now))
    return f"an answer to test item {item}: {before:.4g} stored, {after:.4g} now"


def find_unstored_state(trained: nn.Module, loaded: nn.Module) -> list[str]:
    """Return the names of attributes and buffers that differ though the state_dicts are equal."""
    import torch

    names = []
    modules = zip(trained.named_modules(), loaded.named_modules(), strict=False)
    for (path, module), (_, counterpart) in modules:
        attributes = {name for name in vars(module) if not name.startswith("_") and name != "training"}
        for name in sorted(attributes | module._non_persistent_buffers_set):
            value, loaded_value = getattr(module, name, None), getattr(counterpart, name, None)
            if isinstance(value, torch.Tensor) and isinstance(loaded_value, torch.Tensor):
                same = value.shape == loaded_value.shape and bool((value == loaded_value).all())
            elif isinstance(value, str | int | float | complex | tuple | list | dict | type(None)):
                same = repr(value) == repr(loaded_value)
            else:
                continue
            if not same:
                names.append(f"{path}.{name}".lstrip("."))
    return names
