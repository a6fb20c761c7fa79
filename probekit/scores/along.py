"""Scores are taken along a probe's axis: by how hard an item is, or a position of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from probekit.axis import Axis
from probekit.errors import RunError
from probekit.interfaces import Control, Dataset, Probe
from probekit.items import batches
from probekit.scores.interval import of_mean
from probekit.scores.score import sitting
from probekit.storage.along import Along, Point

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def along(
    model: Callable[[Tensor], Tensor],
    probe: Probe,
    train: Dataset,
    tests: Sequence[Dataset],
    device: torch.device,
) -> Along | None:
    """Score a network along the probe's axis, and each closed-form control; None for a probe without one.

    tests: the test items, and the harder ones where there are some.

    Raises RunError where the axis gives anything but a number an item, or one a position.
    """
    import torch

    axis: Axis | None = getattr(probe, "axis", None)
    if axis is None:
        return None
    found = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed = cast("Control", control)
            closed.fit(train)
            cpu = torch.device("cpu")
            some = torch.cat([binned(axis, closed, probe, test, cpu) for test in tests])
            found[name] = tuple(points(axis, some))
    own = tuple(points(axis, torch.cat([binned(axis, model, probe, test, device) for test in tests])))
    return Along(
        axis=axis.name,
        unit=axis.unit,
        about=axis.about,
        better=axis.better,
        bounds=axis.bounds,
        points=own,
        controls=found,
        solved=axis.solved,
    )


def binned(
    axis: Axis, model: Callable[[Tensor], Tensor], probe: Probe, data: Dataset, device: torch.device
) -> Tensor:
    """Return each item's mean score in each bin, (items, bins) float64, NaN where it has nothing there."""
    import torch

    edges = torch.tensor(axis.edges, dtype=torch.float64)
    parts = []
    with torch.no_grad():
        for _, *columns in batches(data, len(data), sitting(probe.shape.size)):
            inputs, targets = (column.to(device) for column in columns)
            output = model(inputs.clone()).float()
            hard = held(axis, axis.of(inputs, targets), probe, len(inputs))
            scores = held(axis, axis.score(output, targets, inputs), probe, len(inputs))
            if hard.shape != scores.shape:
                found = f"it is {tuple(hard.shape)}, and its score is {tuple(scores.shape)}"
                raise RunError(f"the axis {axis.name}", found, "Give both of items, or of positions.")
            place = torch.bucketize(hard, edges, right=True) - 1
            known = (hard >= edges[0]) & (hard < edges[-1]) & scores.isfinite()
            place = place.where(known, 0)
            sums, counts = torch.zeros(2, len(inputs), len(edges) - 1, dtype=torch.float64)
            sums.scatter_add_(1, place, scores.where(known, 0))
            counts.scatter_add_(1, place, known.double())
            parts.append(sums / counts)
    return torch.cat(parts)


def held(axis: Axis, values: object, probe: Probe, count: int) -> Tensor:
    """Return numbers of items or positions as (items, numbers) float64; raises RunError for another shape."""
    import torch

    shape = tuple(values.shape) if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
    if shape not in ((count,), (count, *probe.shape.size)):
        found = f"it gave {shape} for {count} items of {probe.shape.size}"
        raise RunError(f"the axis {axis.name}", found, "Give a number an item, or one a position.")
    return cast("Tensor", values).reshape(count, -1).double().cpu()


def points(axis: Axis, items: Tensor) -> Iterator[Point]:
    """Yield a point for each bin that holds an item."""
    for start, stop, column in zip(axis.edges, axis.edges[1:], items.T, strict=False):
        known = column[~column.isnan()]
        if len(known):
            found = of_mean(known.tolist(), "items", axis.bounds)
            low, high = (None, None) if found is None else (found.low, found.high)
            yield Point(
                start=start, stop=stop, items=len(known), mean=float(known.mean()), low=low, high=high
            )
