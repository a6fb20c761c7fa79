"""Scoring turns a network's outputs into numbers: per item first, then means, intervals and floors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, cast

from probekit.plans.finite import MAX_MAGNITUDE, finite_or_none
from probekit.plugin.errors import ComponentError, RunError, name_culprit
from probekit.plugin.interfaces import Control, Dataset, Metric, Probe
from probekit.plugin.items import iterate_batches
from probekit.scores.interval import OPEN, Interval, mean_interval
from probekit.storage.result import Scores

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EVAL_BATCH_SIZE = 256
POSITIONS = 1 << 17
"""Limits of an evaluation batch, so that scoring needs little more memory than training."""


def score_items(
    model: Callable[[Tensor], Tensor], probe: Probe, data: Dataset, count: int, device: torch.device
) -> dict[str, Tensor]:
    """Score the first `count` items of a split.

    Args:
        model: A network, (batch, inputs, *size) to (batch, outputs, *size), or a control, which may also
            answer in the form of targets.
        probe: The probe, whose metrics are computed.
        data: The split.
        count: How many items to score.
        device: Where the model runs.

    Returns:
        The scores of each metric by name, (count,) float32.

    Raises:
        RunError: An output has another shape or is not finite, or a metric does not return one number per
            item. (NaN from a metric means that it does not apply, and would hide such an output.)
    """
    import torch

    scores: dict[str, list[Tensor]] = {metric.name: [] for metric in probe.metrics}
    with torch.no_grad():  # not inference mode: a tensor that a layer caches may need gradients later
        for indices, *columns in iterate_batches(data, count, eval_batch_size(probe.shape.size)):
            inputs, targets = (column.to(device) for column in columns)
            allowed = [(len(inputs), probe.shape.outputs, *probe.shape.answer_size)]
            if not isinstance(model, torch.nn.Module):
                allowed.append(tuple(targets.shape))
            # on a copy, because a network may write into its input
            output = check_shape(model(inputs.clone()), allowed).float()
            if not bool(output.isfinite().all()):
                raise RunError("scoring", f"an output for items {indices[0]} to {indices[-1]} is not finite")
            for metric in probe.metrics:
                scores[metric.name].append(evaluate_metric(metric, output, targets, inputs))
    return {name: torch.cat(chunks) for name, chunks in scores.items()}


def check_shape(output: object, allowed: Sequence[tuple[int, ...]]) -> Tensor:
    """Return an output whose shape is one of `allowed`.

    Raises:
        RunError: The output has another shape, which might be broadcast, or is not a tensor.
    """
    import torch

    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
    if shape not in allowed:
        raise RunError("an output", f"it is {shape}, but the probe needs {' or '.join(map(str, allowed))}")
    return cast("Tensor", output)


def evaluate_metric(metric: Metric, output: Tensor, targets: Tensor, inputs: Tensor) -> Tensor:
    """Return a metric's score of each item, (batch,) on the CPU.

    Raises:
        ComponentError: The metric raises an exception, or returns anything else.
    """
    import torch

    with name_culprit(f"the metric {metric.name}"):
        values = metric.score(output, targets, inputs)
    shape = tuple(values.shape) if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
    if shape != (len(inputs),):
        message = f"it returned {shape} for {len(inputs)} items, not one number per item"
        raise ComponentError(f"the metric {metric.name}", message)
    return values.cpu()


def eval_batch_size(size: Sequence[int]) -> int:
    """Return how many items of a size go into one evaluation batch."""
    return max(1, min(EVAL_BATCH_SIZE, POSITIONS // prod(size)))


def mean_scores(items: Mapping[str, Tensor]) -> Scores:
    """Return each metric's mean over the items it applies to; None where `unscored` gives a reason."""
    reasons = missing_score_reasons(items)
    return {
        name: None if name in reasons else finite_or_none(float(values.double().nanmean()))
        for name, values in items.items()
    }


def missing_score_reasons(items: Mapping[str, Tensor]) -> dict[str, str]:
    """Return by metric why it has no mean: it applies to no item, or is not finite for one.

    A score beyond 1e100 counts as not finite, because its square would not be.
    """
    reasons: dict[str, str] = {}
    for name, values in items.items():
        scores = values.double()[~values.isnan()]
        if infinite := int((~(scores.abs() <= MAX_MAGNITUDE)).sum()):
            reasons[name] = f"it is not finite for {infinite:,} of {len(values):,} items"
        elif not len(scores):
            reasons[name] = f"it applies to none of {len(values):,} items"
    return reasons


def score_intervals(items: Mapping[str, Tensor], metrics: Sequence[Metric]) -> dict[str, Interval]:
    """Return the interval of each mean over the items its metric applies to, if there are at least two."""
    bounds = {metric.name: metric.bounds for metric in metrics}
    by_metric = {
        name: mean_interval(values.double().tolist(), "items", bounds.get(name, OPEN))
        for name, values in items.items()
    }
    return {name: interval for name, interval in by_metric.items() if interval is not None}


def score_closed_form(control: object, probe: Probe, train: Dataset, test: Dataset, count: int) -> Scores:
    """Fit a closed-form control and return its means over the first `count` test items."""
    import torch

    fitted = cast("Control", control)
    fitted.fit(train)
    return mean_scores(score_items(fitted, probe, test, count, torch.device("cpu")))


def score_controls(probe: Probe, train: Dataset, test: Dataset, added: bool = False) -> dict[str, Scores]:
    """Fit each closed-form control on the training split and return its test scores, by name.

    Args:
        probe: The probe.
        train: Its training split.
        test: Its test split.
        added: Score the probe's `added_controls` too, which a run leaves to the certificate.
    """
    return {
        name: score_closed_form(control, probe, train, test, len(test))
        for name, control in probe.controls().items()
        if hasattr(control, "fit") and (added or name not in probe.added_controls)
    }


def best_control_scores(probe: Probe, controls: Mapping[str, Scores]) -> Scores:
    """Return the best score of the closed-form controls, by metric."""
    best: Scores = {}
    for scores in controls.values():
        for metric in probe.metrics:
            best[metric.name] = better_score(metric, best.get(metric.name), scores[metric.name])
    return best


def expected_ceiling(probe: Probe, data: Dataset, count: int) -> float | None:
    """Return the headline score that the best possible solver expects on the first `count` items.

    None for a probe whose inputs determine their targets.
    """
    best = (probe.ceiling(inputs) for _, inputs, _ in iterate_batches(data, count, EVAL_BATCH_SIZE))
    return mean_expected_score([scores for scores in best if scores is not None])


def mean_expected_score(best: Sequence[Tensor]) -> float | None:
    """Return the mean of expected scores, given as batches (batch,); None without batches."""
    import torch

    return mean_scores({"": torch.cat(list(best))})[""] if best else None


def better_score(metric: Metric, first: float | None, second: float | None) -> float | None:
    """Return the better of two scores; None counts as worse than any score."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second) if metric.better == "lower" else max(first, second)
