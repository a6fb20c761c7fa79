"""A probe's fingerprint: what it draws and how it scores, in numbers that identify it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, cast

from probekit.plans.golden import FIRST_ITEMS, first_items, hash_split, list_splits, load_split
from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Control, Dataset, Probe
from probekit.plugin.items import Items, read_batch
from probekit.runs import rng
from probekit.scores.score import evaluate_metric
from probekit.storage.behaviour import Numbers

if TYPE_CHECKING:
    from torch import Tensor

FIT_COUNTS = (FIRST_ITEMS, 64, 1024)
"""How many first training items a control is fitted on; more only if fewer do not suffice."""
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
    numbers: Numbers = {
        f"terms of {metric.name}": f"{metric.better}, {metric.gap}, {metric.bounds}"
        for metric in probe.metrics
    }
    if probe.symmetry:
        numbers["symmetry"] = str(probe.symmetry)
    for split in list_splits(probe):
        numbers[f"data of {split}"] = hashlib.sha256(hash_split(probe, split)).hexdigest()[:16]
    inputs, targets = first_items(probe, "test")
    with rng.preserve_rng(0):
        if type(probe).ceiling is not Probe.ceiling:
            numbers["ceiling of test"] = try_mean(lambda: cast("Tensor", probe.ceiling(inputs)))
        answers = made_up_answers(probe, targets)
        if (axis := probe.axis) is not None:
            numbers |= observe_axis(axis, answers["wild"], targets, inputs)
        for kind, outputs in answers.items():
            numbers[f"loss of {kind} answers"] = try_mean(lambda: probe.loss(outputs, targets))  # noqa: B023
            numbers |= observe_metrics(probe, outputs, targets, inputs, f"{kind} answers")
        for name, control in probe.controls().items():
            if hasattr(control, "fit") and name not in probe.added_controls:
                label = f"control {name}"
                numbers |= observe_control(cast("Control", control), probe, inputs, targets, label)
    return numbers


def made_up_answers(probe: Probe, targets: Tensor) -> dict[str, Tensor]:
    """Return outputs of no network, (items, outputs, *size) float32, the same on every machine."""
    import torch

    shape = (len(targets), probe.shape.outputs, *probe.shape.answer_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    answers = {"wild": noise, "timid": 0.5 + 0.1 * noise}
    if targets.shape == shape and targets.is_floating_point():
        answers["near"] = targets + 0.05 * noise
    return answers


def observe_control(control: Control, probe: Probe, inputs: Tensor, targets: Tensor, label: str) -> Numbers:
    """Return the mean scores of a control fitted on the first training items, or the error it raises."""
    data, outcome = load_split(probe, "train", 0), ""
    for count in FIT_COUNTS:
        columns = read_batch(data, range(min(count, len(data))))
        items = list(zip(*columns, strict=True))
        try:
            control.fit(cast("Dataset", Items(len(items), items.__getitem__)))
            return observe_metrics(probe, control(inputs.clone()), targets, inputs, label)
        except Exception as error:
            outcome = f"raises {type(error).__name__}"
    return {label: outcome}


def observe_axis(axis: Axis, outputs: Tensor, targets: Tensor, inputs: Tensor) -> Numbers:
    """Return a hash of an axis's bins, and the mean difficulty and score of some items."""
    terms = f"{axis.edges}, {axis.better}, {axis.bounds}, {axis.solved_score}"
    return {
        "axis": hashlib.sha256(terms.encode()).hexdigest()[:16],
        "axis of test": try_mean(lambda: axis.difficulty(inputs, targets)),
        "axis of wild answers": try_mean(lambda: axis.score(outputs, targets, inputs)),
    }


def observe_metrics(probe: Probe, outputs: Tensor, targets: Tensor, inputs: Tensor, label: str) -> Numbers:
    """Return the mean of each metric over some items."""
    return {
        f"{metric.name} of {label}": try_mean(
            lambda: evaluate_metric(metric, outputs, targets, inputs)  # noqa: B023
        )
        for metric in probe.metrics
    }


def try_mean(measure: Callable[[], Tensor]) -> float | str:
    """Return the mean of what is measured, or the name of the error that the computation raises."""
    try:
        return finite_or_text(float(measure().double().nanmean()))
    except Exception as error:
        return f"raises {type(error).__name__}"


def finite_or_text(value: float) -> float | str:
    """Return a number; as text if it is not finite, which JSON cannot hold."""
    return float(value) if isfinite(value) else str(value)
