"""A probe's fingerprint: what it draws and how it scores, in numbers that identify it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, cast

from probekit.plans.golden import hash_items, list_splits, load_split
from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Control, Dataset, Probe, Split
from probekit.plugin.items import Items, iterate_batches, read_batch
from probekit.runs import rng
from probekit.scores.score import check_shape, eval_batch_size, evaluate_metric, mean_scores
from probekit.storage.behaviour import Numbers

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 8
"""How many first items of each split identify a probe."""
FIT_COUNTS = (ITEMS, 64, 1024)
"""How many first training items a control is fitted on; more only if fewer do not suffice."""
STORED_ANSWERS = 16
"""How many test items' answers are stored with a run."""
_observed: dict[tuple[Callable[..., Probe], str], Numbers] = {}
"""Fingerprints by a probe's class and text: a grid runs many structures on one probe."""


def observe_probe(target: Callable[..., Probe], text: str, probe: Probe) -> Numbers:
    """Return a probe's fingerprint, computed once per process.

    Args:
        target: The probe's class.
        text: Its name with its parameters.
        probe: The probe.
    """
    if (target, text) not in _observed:
        _observed[target, text] = compute_fingerprint(probe)
    return _observed[target, text]


def compute_fingerprint(probe: Probe) -> Numbers:
    """Return the numbers that identify a probe.

    Returns:
        A hash of the first items of each split at seed 0; the loss and the metrics of made-up answers to
        the first test items, with each metric's direction and bounds; the metrics of each closed-form
        control, fitted on the first training items; ceiling, axis and symmetry, if the probe has them.
    """
    numbers: Numbers = {}
    for metric in probe.metrics:
        numbers[f"terms of {metric.name}"] = f"{metric.better}, {metric.gap}, {metric.bounds}"
    if probe.symmetry:
        numbers["symmetry"] = str(probe.symmetry)
    for split in list_splits(probe):
        content = b"".join(digest for column in first_items(probe, split) for digest in hash_items(column))
        numbers[f"data of {split}"] = hashlib.sha256(content).hexdigest()[:16]
    inputs, targets = first_items(probe, "test")
    with rng.preserve_rng(0):
        if type(probe).ceiling is not Probe.ceiling:
            numbers["ceiling of test"] = try_mean(
                lambda: cast("Tensor", probe.ceiling(inputs)).double().mean()
            )
        answers = made_up_answers(probe, targets)
        if (axis := probe.axis) is not None:
            numbers |= observe_axis(axis, answers["wild"], targets, inputs)
        for kind, outputs in answers.items():
            numbers[f"loss of {kind} answers"] = try_mean(lambda: probe.loss(outputs, targets))  # noqa: B023
            numbers |= observe_metrics(probe, outputs, targets, inputs, f"{kind} answers")
        for name, control in probe.controls().items():
            if not hasattr(control, "fit") or name in probe.added_controls:
                continue
            outcome = fit_and_answer(cast("Control", control), probe, inputs)
            if isinstance(outcome, str):
                numbers[f"control {name}"] = outcome
            else:
                numbers |= observe_metrics(probe, outcome, targets, inputs, f"control {name}")
    return numbers


def first_items(probe: Probe, split: Split) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of a split's first items at seed 0."""
    data = load_split(probe, split, 0)
    return read_batch(data, range(min(ITEMS, len(data))))


def made_up_answers(probe: Probe, targets: Tensor) -> dict[str, Tensor]:
    """Return outputs of no network, (items, outputs, *size) float32, the same on every machine."""
    import torch

    shape = (len(targets), probe.shape.outputs, *probe.shape.answer_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    answers = {"wild": noise, "timid": 0.5 + 0.1 * noise}
    if targets.shape == shape and targets.is_floating_point():
        answers["near"] = targets + 0.05 * noise
    return answers


def fit_and_answer(control: Control, probe: Probe, inputs: Tensor) -> Tensor | str:
    """Return the answers of a control fitted on the first training items, or the error it raises."""
    data, outcome = load_split(probe, "train", 0), ""
    for count in FIT_COUNTS:
        columns = read_batch(data, range(min(count, len(data))))
        items = list(zip(*columns, strict=True))
        try:
            control.fit(cast("Dataset", Items(len(items), items.__getitem__)))
            return control(inputs.clone())
        except Exception as error:
            outcome = f"raises {type(error).__name__}"
    return outcome


def observe_axis(axis: Axis, outputs: Tensor, targets: Tensor, inputs: Tensor) -> Numbers:
    """Return a hash of an axis's bins, and the mean difficulty and score of some items."""
    terms = f"{axis.edges}, {axis.better}, {axis.bounds}, {axis.solved_score}"
    return {
        "axis": hashlib.sha256(terms.encode()).hexdigest()[:16],
        "axis of test": try_mean(lambda: axis.difficulty(inputs, targets).double().nanmean()),
        "axis of wild answers": try_mean(lambda: axis.score(outputs, targets, inputs).double().nanmean()),
    }


def observe_metrics(probe: Probe, outputs: Tensor, targets: Tensor, inputs: Tensor, label: str) -> Numbers:
    """Return the mean of each metric over some items."""
    return {
        f"{metric.name} of {label}": try_mean(
            lambda: evaluate_metric(metric, outputs, targets, inputs).double().nanmean()  # noqa: B023
        )
        for metric in probe.metrics
    }


def try_mean(measure: Callable[[], Tensor]) -> float | str:
    """Return a mean as a number, or the name of the error that its computation raises."""
    try:
        return finite_or_text(float(measure()))
    except Exception as error:
        return f"raises {type(error).__name__}"


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


def finite_or_text(value: float) -> float | str:
    """Return a number; as text if it is not finite, which JSON cannot hold."""
    return float(value) if isfinite(value) else str(value)
