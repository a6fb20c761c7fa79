"""Difficulty curves: scores by how hard an item, or a position of it, is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from probekit.plugin.axis import Axis
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Control, Dataset, Probe
from probekit.plugin.items import iterate_batches
from probekit.scores.interval import mean_interval
from probekit.scores.score import eval_batch_size
from probekit.storage.difficulty_curve import CurveBin, DifficultyCurve

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def measure_difficulty_curve(
    model: Callable[[Tensor], Tensor],
    probe: Probe,
    train: Dataset,
    tests: Sequence[Dataset],
    device: torch.device,
) -> DifficultyCurve | None:
    """Score a network, and each closed-form control, along the probe's difficulty axis.

    Args:
        model: Maps inputs (batch, channels, *size) to outputs.
        probe: The probe. Its `axis`, if it has one, defines difficulty and score.
        train: The split on which the controls are fitted.
        tests: The test split, followed by the extrapolation split if there is one.
        device: Where the network lives. The controls run on the CPU.

    Returns:
        The difficulty curve, or None for a probe without an axis.

    Raises:
        RunError: The axis does not return one number per item or per position.
    """
    import torch

    axis = probe.axis
    if axis is None:
        return None
    control_points = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed_form = cast("Control", control)
            closed_form.fit(train)
            cpu = torch.device("cpu")
            item_means = torch.cat([bin_scores(axis, closed_form, probe, test, cpu) for test in tests])
            control_points[name] = tuple(summarize_bins(axis, item_means))
    item_means = torch.cat([bin_scores(axis, model, probe, test, device) for test in tests])
    return DifficultyCurve(
        axis=axis.name,
        unit=axis.unit,
        about=axis.about,
        better=axis.better,
        bounds=axis.bounds,
        points=tuple(summarize_bins(axis, item_means)),
        controls=control_points,
        solved=axis.solved_score,
    )


def bin_scores(
    axis: Axis, model: Callable[[Tensor], Tensor], probe: Probe, data: Dataset, device: torch.device
) -> Tensor:
    """Return the mean score of each item in each bin, (items, bins) float64; NaN for an empty bin."""
    import torch

    edges = torch.tensor(axis.edges, dtype=torch.float64)
    batch_means = []
    with torch.no_grad():
        for _, *columns in iterate_batches(data, len(data), eval_batch_size(probe.shape.size)):
            inputs, targets = (column.to(device) for column in columns)
            output = model(inputs.clone()).float()
            difficulty = check_axis_values(axis, axis.difficulty(inputs, targets), probe, len(inputs))
            scores = check_axis_values(axis, axis.score(output, targets, inputs), probe, len(inputs))
            if difficulty.shape != scores.shape:
                raise RunError(
                    f"the axis {axis.name}",
                    f"its difficulty has shape {tuple(difficulty.shape)}, its score {tuple(scores.shape)}",
                    "Return both per item, or both per position.",
                )
            bin_index = torch.bucketize(difficulty, edges, right=True) - 1
            valid = (difficulty >= edges[0]) & (difficulty < edges[-1]) & scores.isfinite()
            bin_index = bin_index.where(valid, 0)
            sums, counts = torch.zeros(2, len(inputs), len(edges) - 1, dtype=torch.float64)
            sums.scatter_add_(1, bin_index, scores.where(valid, 0))
            counts.scatter_add_(1, bin_index, valid.double())
            batch_means.append(sums / counts)
    return torch.cat(batch_means)


def check_axis_values(axis: Axis, values: object, probe: Probe, count: int) -> Tensor:
    """Return values per item or per position as (items, numbers) float64.

    Raises:
        RunError: The values have another shape.
    """
    import torch

    shape = tuple(values.shape) if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
    if shape not in ((count,), (count, *probe.shape.size)):
        message = f"it returned {shape} for {count} items of size {probe.shape.size}"
        raise RunError(f"the axis {axis.name}", message, "Return one number per item, or one per position.")
    return cast("Tensor", values).reshape(count, -1).double().cpu()


def summarize_bins(axis: Axis, item_means: Tensor) -> Iterator[CurveBin]:
    """Yield the mean and its interval for each bin that is not empty."""
    for start, stop, column in zip(axis.edges, axis.edges[1:], item_means.T, strict=False):
        scores = column[~column.isnan()]
        if len(scores):
            interval = mean_interval(scores.tolist(), "items", axis.bounds)
            low, high = (None, None) if interval is None else (interval.low, interval.high)
            mean = float(scores.mean())
            yield CurveBin(start=start, stop=stop, items=len(scores), mean=mean, low=low, high=high)
