"""A question is what a probe draws and how it scores, in numbers: by them one probe is told from another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, cast

from probekit.axis import Axis
from probekit.interfaces import Control, Dataset, Probe
from probekit.items import Items, batch, batches
from probekit.plans.golden import digests, split_of, splits_of
from probekit.runs import generators
from probekit.scores.score import held, means, sitting, valued
from probekit.storage.behaviour import Numbers

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 8
"""How many first items of each split a probe is known by."""
FITTED = (ITEMS, 64, 1024)
"""How many first items of the training split a control is fitted on; more where fewer do not do."""
ANSWERED = 16
"""How many test items the answers to which are stored with a run."""


_observed: dict[tuple[Callable[..., Probe], str], Numbers] = {}
"""By a probe's class and text: a grid puts one probe to many structures."""


def observe_probe(target: Callable[..., Probe], text: str, probe: Probe) -> Numbers:
    """Return what a probe draws and how it scores, looked at once in a process.

    Args:
        target: the class that the probe is made of.
        text: its name with its parameters.
        probe: the probe.

    Returns:
        The numbers of `look_at_probe`.
    """
    if (target, text) not in _observed:
        _observed[target, text] = look_at_probe(probe)
    return _observed[target, text]


def look_at_probe(probe: Probe) -> Numbers:
    """Return the numbers by which a probe's question is known.

    Returns:
        A hash of the first items of each split at seed 0; the loss and the metrics of made-up answers to
        the first test items, and what else a result holds of a metric; the metrics of each closed-form
        control that was fitted on the first training items; ceiling, axis and symmetry, where it has them.
    """
    numbers: Numbers = {}
    for metric in probe.metrics:
        numbers[f"terms of {metric.name}"] = f"{metric.better}, {metric.gap}, {metric.bounds}"
    if hasattr(probe, "symmetry"):
        numbers["symmetry"] = str(probe.symmetry)
    for split in splits_of(probe):
        content = b"".join(digest for part in first_items(probe, split) for digest in digests(part))
        numbers[f"data of {split}"] = hashlib.sha256(content).hexdigest()[:16]
    inputs, targets = first_items(probe, "test")
    with generators.kept(0):
        if hasattr(probe, "ceiling"):
            numbers["ceiling of test"] = attempt(lambda: float(probe.ceiling(inputs).double().mean()))
        if (axis := getattr(probe, "axis", None)) is not None:
            numbers |= observe_axis(axis, made_up_answers(probe, targets)["wild"], targets, inputs)
        for kind, outputs in made_up_answers(probe, targets).items():
            numbers[f"loss of {kind} answers"] = attempt(lambda: float(probe.loss(outputs, targets)))  # noqa: B023
            numbers |= observe_metrics(probe, outputs, targets, inputs, f"{kind} answers")
        for name, control in probe.controls().items():
            if hasattr(control, "fit"):
                given = fit_and_answer(cast("Control", control), probe, inputs)
                if isinstance(given, str):
                    numbers[f"control {name}"] = given
                else:
                    numbers |= observe_metrics(probe, given, targets, inputs, f"control {name}")
    return numbers


def first_items(probe: Probe, split: str) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of a split's first items at seed 0."""
    data = split_of(probe, split, 0)  # type: ignore[arg-type]
    return batch(data, range(min(ITEMS, len(data))))


def made_up_answers(probe: Probe, targets: Tensor) -> dict[str, Tensor]:
    """Return outputs that no network gave, (items, outputs, *size) float32, the same on every machine."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shape = (len(targets), probe.shape.outputs, *probe.shape.size)
    noise = torch.randn(shape, generator=generator)
    answers = {"wild": noise, "timid": 0.5 + 0.1 * noise}
    if targets.shape == shape and targets.is_floating_point():
        answers["near"] = targets + 0.05 * noise
    return answers


def fit_and_answer(control: Control, probe: Probe, inputs: Tensor) -> Tensor | str:
    """Return what a control answers that is fitted on a few training items, or what it raises.

    Where so few do not do, more are drawn.
    """
    data, said = split_of(probe, "train", 0), ""
    for count in FITTED:
        columns = batch(data, range(min(count, len(data))))
        few = list(zip(*columns, strict=True))
        try:
            control.fit(cast("Dataset", Items(len(few), few.__getitem__)))
            return control(inputs.clone())
        except Exception as error:
            said = f"raises {type(error).__name__}"
    return said


def observe_axis(axis: Axis, outputs: Tensor, targets: Tensor, inputs: Tensor) -> Numbers:
    """Return the bins of an axis, and the means of how hard some items are and of how they score."""
    terms = f"{axis.edges}, {axis.better}, {axis.bounds}, {axis.solved}"
    return {
        "axis": hashlib.sha256(terms.encode()).hexdigest()[:16],
        "axis of test": attempt(lambda: float(axis.of(inputs, targets).double().nanmean())),
        "axis of wild answers": attempt(
            lambda: float(axis.score(outputs, targets, inputs).double().nanmean())
        ),
    }


def observe_metrics(probe: Probe, outputs: Tensor, targets: Tensor, inputs: Tensor, of: str) -> Numbers:
    """Return the mean of each metric over some items."""
    return {
        f"{metric.name} of {of}": attempt(
            lambda: float(valued(metric, outputs, targets, inputs).double().nanmean())  # noqa: B023
        )
        for metric in probe.metrics
    }


def attempt(measure: Callable[[], float]) -> float | str:
    """Return a number, or the name of what measuring it raises."""
    try:
        return number(measure())
    except Exception as error:
        return f"raises {type(error).__name__}"


def answer(model: nn.Module, probe: Probe, inputs: Tensor) -> Tensor:
    """Return a network's outputs in eval mode, float32."""
    import torch

    model.eval()
    with torch.no_grad():
        return held(model(inputs.clone()), [(len(inputs), probe.shape.outputs, *probe.shape.size)]).float()


def answer_test_items(
    model: nn.Module, probe: Probe, test: Dataset, device: torch.device
) -> tuple[Tensor, Numbers]:
    """Return a network's outputs for the first 16 test items, and their mean scores.

    The outputs are (16, outputs, *size), float32, on the CPU.
    """
    import torch

    outputs: list[Tensor] = []
    scores: dict[str, list[Tensor]] = {metric.name: [] for metric in probe.metrics}
    count = min(ANSWERED, len(test))
    for _, *columns in batches(test, count, sitting(probe.shape.size)):
        inputs, targets = (column.to(device) for column in columns)
        outputs.append(answer(model, probe, inputs))
        for metric in probe.metrics:
            scores[metric.name].append(valued(metric, outputs[-1], targets, inputs))
    found = means({name: torch.cat(parts) for name, parts in scores.items()})
    return torch.cat(outputs).cpu(), {name: str(v) if v is None else v for name, v in found.items()}


def number(value: float) -> float | str:
    """Return a number, as text where it is not finite: JSON has no such."""
    return float(value) if isfinite(value) else str(value)
