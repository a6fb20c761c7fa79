"""Scoring turns a network's answers into numbers: an item at a time, then means, intervals and floors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, cast

from probekit.errors import RunError
from probekit.interfaces import Control, Dataset, Metric, Probe
from probekit.items import batches
from probekit.plans.finite import LARGEST, finite
from probekit.scores.interval import OPEN, Interval, of_mean
from probekit.storage.result import Scores

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BATCH = 256
POSITIONS = 1 << 17
"""What a network is given at once, so that it needs little more memory than in training."""


def score(
    model: Callable[[Tensor], Tensor], probe: Probe, data: Dataset, count: int, device: torch.device
) -> dict[str, Tensor]:
    """Score the first `count` items: each metric's (count,) float32.

    model: a network, (batch, inputs, *size) to (batch, outputs, *size), or a control, which may answer in the
    form of targets too. Raises RunError where an answer has another shape or is not finite (a metric's NaN
    says that it does not apply, and would hide it), and where a metric does not give one number an item.
    """
    import torch

    found: dict[str, list[Tensor]] = {metric.name: [] for metric in probe.metrics}
    with torch.no_grad():  # not inference mode: what a layer keeps of it may have to carry gradients later
        for indices, *columns in batches(data, count, sitting(probe.shape.size)):
            inputs, targets = (column.to(device) for column in columns)
            allowed = [(len(inputs), probe.shape.outputs, *probe.shape.size)]
            if not isinstance(model, torch.nn.Module):
                allowed.append(tuple(targets.shape))
            # of a copy, as a network may write into what it is given
            output = held(model(inputs.clone()), allowed).float()
            if not bool(output.isfinite().all()):
                raise RunError("scoring", f"an answer to items {indices[0]} to {indices[-1]} is not finite")
            for metric in probe.metrics:
                found[metric.name].append(valued(metric, output, targets, inputs))
    return {name: torch.cat(parts) for name, parts in found.items()}


def held(output: object, allowed: Sequence[tuple[int, ...]]) -> Tensor:
    """Return an answer of one of these shapes; raises RunError for any other, which might be broadcast."""
    import torch

    found = tuple(output.shape) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
    if found not in allowed:
        raise RunError("an answer", f"it is {found}, and the probe asks for {' or '.join(map(str, allowed))}")
    return cast("Tensor", output)


def valued(metric: Metric, output: Tensor, targets: Tensor, inputs: Tensor) -> Tensor:
    """Return a metric's number an item, (batch,) on the CPU; raises RunError where it gives anything else."""
    import torch

    values = metric.score(output, targets, inputs)
    found = tuple(values.shape) if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
    if found != (len(inputs),):
        raise RunError(
            f"the metric {metric.name}", f"it gave {found} for {len(inputs)} items, not a number each"
        )
    return values.cpu()


def sitting(size: Sequence[int]) -> int:
    """Return how many items of a size a network is given at once."""
    return max(1, min(BATCH, POSITIONS // prod(size)))


def means(items: Mapping[str, Tensor]) -> Scores:
    """Return each metric's mean over the items it applies to; None where `unscored` has a reason."""
    lacking = unscored(items)
    return {
        name: None if name in lacking else finite(float(values.double().nanmean()))
        for name, values in items.items()
    }


def unscored(items: Mapping[str, Tensor]) -> dict[str, str]:
    """Return why a metric has no mean, in words, by name: it is not finite for an item, or applies to none.

    So is what lies beyond 1e100: it could not be counted with.
    """
    found: dict[str, str] = {}
    for name, values in items.items():
        known = values.double()[~values.isnan()]
        if wild := int((~(known.abs() <= LARGEST)).sum()):
            found[name] = f"it is not finite for {wild:,} of {len(values):,} items"
        elif not len(known):
            found[name] = f"it applies to none of {len(values):,} items"
    return found


def intervals(items: Mapping[str, Tensor], metrics: Sequence[Metric]) -> dict[str, Interval]:
    """Return each mean's interval over the items that its metric applies to, where there are two."""
    bounds = {metric.name: metric.bounds for metric in metrics}
    found = {
        name: of_mean(values.double().tolist(), "items", bounds.get(name, OPEN))
        for name, values in items.items()
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def closed_form(control: object, probe: Probe, train: Dataset, test: Dataset, count: int) -> Scores:
    """Fit a closed-form control and return its means over the first `count` test items."""
    import torch

    closed = cast("Control", control)
    closed.fit(train)
    return means(score(closed, probe, test, count, torch.device("cpu")))


def controls(probe: Probe, train: Dataset, test: Dataset) -> dict[str, Scores]:
    """Return by name what each closed-form control, fitted on the training split, scores on the test."""
    return {
        name: closed_form(control, probe, train, test, len(test))
        for name, control in probe.controls().items()
        if hasattr(control, "fit")
    }


def floors(probe: Probe, controls: Mapping[str, Scores]) -> Scores:
    """Return for each metric the best score of the closed-form controls."""
    best: Scores = {}
    for found in controls.values():
        for metric in probe.metrics:
            best[metric.name] = better(metric, best.get(metric.name), found[metric.name])
    return best


def ceiling(probe: Probe, data: Dataset, count: int) -> float | None:
    """Return the headline metric that the best of solvers expects of the first `count` items.

    None for a probe without `ceiling(inputs) -> (batch,)`, which leaves nothing to be guessed.
    """
    best: Callable[[Tensor], Tensor] | None = getattr(probe, "ceiling", None)
    return expected([best(inputs) for _, inputs, _ in batches(data, count, BATCH)] if best else [])


def expected(best: Sequence[Tensor]) -> float | None:
    """Return the mean of what the best of solvers expects, given in parts (batch,); None of no parts."""
    import torch

    return means({"": torch.cat(list(best))})[""] if best else None


def better(metric: Metric, one: float | None, other: float | None) -> float | None:
    """Return the better of two scores."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other) if metric.better == "lower" else max(one, other)
