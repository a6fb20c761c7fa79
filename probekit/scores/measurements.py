"""Measurements of a trained network: its effective receptive field and its equivariance.

Sources: the effective receptive field of Luo et al., "Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks", NeurIPS 2016; equivariance in Courtois et al. 2022, sections 3.2 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import inf, prod
from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Dataset, Probe
from probekit.plugin.items import read_batch
from probekit.scores.score import eval_batch_size

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 64
CANDIDATES = 1024
"""How many test items are searched for ones that can be shifted."""
INFLUENCE = 0.9
TINY = 1e-12


Measurement = tuple[dict[str, float], "dict[str, Tensor]"]
"""Numbers by name, and maps by name, float32 (*size)."""


def effective_receptive_field(model: nn.Module, data: Dataset, device: torch.device) -> Measurement:
    """Measure the effective receptive field (Luo et al. 2016).

    Returns:
        The number `receptive_radius`, in positions, within which 90 % of the influence lies, and the map
        `receptive_field`. Both are empty where no gradient reaches the input.
    """
    inputs, _ = read_batch(data, range(min(ITEMS, len(data))))
    field = receptive_field_map(model, inputs.to(device))
    if field is None:
        return {}, {}
    return {"receptive_radius": field_radius(field)}, {"receptive_field": field}


def measure_equivariance(model: nn.Module, probe: Probe, data: Dataset, device: torch.device) -> Measurement:
    """Measure how far a network is from transforming its output with its input.

    Returns:
        The number `equivariance_error`, the root mean square of the map `equivariance`. For shifts it covers
        the middle half of each side, and `equivariance_error_border` the rest; for permutations, rotations
        and reflections it covers all positions. Empty for a probe without a symmetry.
    """
    import torch

    symmetry, size = probe.symmetry, probe.shape.size
    error, inside = None, torch.ones(size, dtype=torch.bool)
    if symmetry == "permutation":
        inputs, _ = read_batch(data, range(min(ITEMS, len(data))))
        error = equivariance_map(model, [(inputs, fixed_permutation(size))], device)
    elif symmetry == "turn":
        inputs, _ = read_batch(data, range(min(ITEMS, len(data))))
        error = equivariance_map(model, [(inputs, source) for source in square_symmetries(size)], device)
    elif symmetry == "shift":
        candidates, _ = read_batch(data, range(min(CANDIDATES, len(data))))
        error, inside = equivariance_map(model, shiftable_items(candidates), device), central_mask(size)
    if error is None:
        return {}, {}
    numbers = {}
    for name, mask in (("equivariance_error", inside), ("equivariance_error_border", ~inside)):
        squares = error[mask & error.isfinite()].double().square()
        if len(squares):
            numbers[name] = float(squares.mean().sqrt())
    return numbers, {"equivariance": error}


def receptive_field_map(model: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return the mean absolute gradient of the central output with respect to each input position.

    Args:
        model: The trained network.
        inputs: (batch, channels, *size).

    Returns:
        float32 (*size), summed over input channels, averaged over items, scaled to a sum of one; None where
        no gradient reaches the input, or it is not finite.
    """
    import torch

    field = torch.zeros(inputs.shape[2:])
    for chunk in eval_batches(inputs):
        # items do not mix, so the gradient of the sum holds the gradient of each item
        leaf = chunk.detach().clone().requires_grad_()
        output = model(leaf.clone()).float()  # a copy, because a network may write into its input
        if not output.requires_grad:
            return None
        centre = (slice(None), slice(None), *(side // 2 for side in output.shape[2:]))
        (gradient,) = torch.autograd.grad(output[centre].sum(), leaf, allow_unused=True)
        if gradient is None:
            return None
        field += gradient.abs().sum((0, 1)).float().cpu()
    total = field.sum()
    return field / total if 0 < float(total) < inf else None


def eval_batches(inputs: Tensor) -> Iterator[Tensor]:
    """Yield inputs (batch, channels, *size) in evaluation batches."""
    step = eval_batch_size(inputs.shape[2:])
    return (inputs[start : start + step] for start in range(0, len(inputs), step))


def field_radius(field: Tensor) -> float:
    """Return the distance from the middle, in positions, within which 90 % of a receptive field lies."""
    import torch

    sides = [torch.arange(side) - side // 2 for side in field.shape]
    distance = torch.stack(torch.meshgrid(*sides, indexing="ij")).double().square().sum(0).sqrt().flatten()
    order = distance.argsort()
    cumulative = field.flatten().double()[order].cumsum(0)
    index = int(torch.searchsorted(cumulative, INFLUENCE * float(cumulative[-1])))
    return float(distance[order][min(index, len(cumulative) - 1)])


def move_positions(values: Tensor, source: Tensor) -> Tensor:
    """Move values: flat position p of the result is position source[p], or 0 where that is -1.

    Args:
        values: (batch, channels, *size).
        source: (positions,) int64.
    """
    source = source.to(values.device)
    return (values.flatten(2)[..., source.clamp(min=0)] * (source >= 0)).view_as(values)


def fixed_permutation(size: tuple[int, ...]) -> Tensor:
    """Return one fixed permutation of the positions, (positions,) int64."""
    import torch

    return torch.randperm(prod(size), generator=torch.Generator().manual_seed(0))


def square_symmetries(size: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield the source positions, (positions,) int64, of each rotation and reflection except the identity.

    Raises:
        ValueError: The map is not square.
    """
    import torch

    if len(size) != 2 or size[0] != size[1]:
        raise ValueError(f"only a square map can be rotated, not {' x '.join(map(str, size))}")
    positions = torch.arange(prod(size)).view(size)
    for image, quarters in product((positions, positions.flip(1)), range(4)):
        if image is not positions or quarters:
            yield torch.rot90(image, quarters).flatten()


def axis_shifts(size: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield the source positions, (positions,) int64, of a shift in each direction along each axis.

    A source of -1 lies outside. A shift is a sixteenth of the side, made odd, so that no down-sampling
    divides it.
    """
    import torch

    positions = torch.arange(prod(size)).view(size)
    for axis, direction in product(range(len(size)), (1, -1)):
        step = direction * (size[axis] // 16 | 1)
        source = positions.roll(step, axis)
        source.narrow(axis, 0 if step > 0 else size[axis] + step, abs(step)).fill_(-1)
        yield source.flatten()


def equivariance_map(
    model: nn.Module, moves: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> Tensor | None:
    """Return by position how far the output of moved inputs is from the moved output.

    Args:
        model: The trained network.
        moves: Pairs of inputs (batch, channels, *size) and source positions (positions,) int64.
        device: Where the network lives.

    Returns:
        float32 (*size): the root mean square over items, channels and moves, divided by the standard
        deviation of the outputs; NaN where no source lies inside. None without moves.
    """
    import torch

    errors, counts, outputs = [], [], []
    for inputs, source in moves:
        output = predict_all(model, inputs, device)
        output_of_moved = predict_all(model, move_positions(inputs, source), device)
        inside = (source >= 0).view(output.shape[2:])
        errors.append(
            (output_of_moved - move_positions(output, source)).double().square().mean(1).sum(0) * inside
        )
        counts.append(inside * len(inputs))
        outputs.append(output.double().flatten())
    if not errors:
        return None
    scale = torch.cat(outputs).std().clamp(min=TINY)
    error = (torch.stack(errors).sum(0) / torch.stack(counts).sum(0)).sqrt() / scale
    return error.float()


def predict_all(model: nn.Module, inputs: Tensor, device: torch.device) -> Tensor:
    """Return a network's outputs for inputs (batch, channels, *size), float32 on the CPU."""
    import torch

    with torch.no_grad():
        chunks = [model(chunk.to(device).clone()).float().cpu() for chunk in eval_batches(inputs)]
    return torch.cat(chunks)


def central_mask(size: tuple[int, ...]) -> Tensor:
    """Return a mask, (*size) bool, of the middle half of each side."""
    import torch

    inside = torch.zeros(size, dtype=torch.bool)
    inside[tuple(slice(side // 4, side - side // 4) for side in size)] = True
    return inside


def shiftable_items(inputs: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each shift the items that lose only zeros by it, and its source positions."""
    for source in axis_shifts(tuple(inputs.shape[2:])):
        lossless = (move_positions(inputs, source) != 0).flatten(1).sum(1) == (inputs != 0).flatten(1).sum(1)
        items = inputs[lossless][:ITEMS]
        if len(items):
            yield items, source
