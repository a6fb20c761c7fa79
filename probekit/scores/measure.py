"""Measuring finds out what a trained network does, beside what it scores: how far it looks, what it keeps.

Sources: the effective receptive field of Luo et al., "Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks", NeurIPS 2016; equivariance in Courtois et al. 2022, sections 3.2 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import inf, prod
from typing import TYPE_CHECKING

from probekit.interfaces import Dataset, Probe
from probekit.items import batch
from probekit.scores.score import sitting

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 64
SOUGHT = 1024
SHARE = 0.9
TINY = 1e-12


Measured = tuple[dict[str, float], "dict[str, Tensor]"]
"""Numbers by name, and their maps, float32 of the probe's size each."""


def reach(model: nn.Module, data: Dataset, device: torch.device) -> Measured:
    """Return how far a network looks: receptive_radius, within which 90 % of the map receptive_field lies."""
    inputs, _ = batch(data, range(min(ITEMS, len(data))))
    field = receptive_field(model, inputs.to(device))
    if field is None:
        return {}, {}
    return {"receptive_radius": radius(field)}, {"receptive_field": field}


def equivariance(model: nn.Module, probe: Probe, data: Dataset, device: torch.device) -> Measured:
    """Return how far a network is from moving its answer with its input, where the probe has a symmetry.

    equivariance_error is the root mean square of the map `equivariance`: of shifts over the middle half of
    each side, with equivariance_error_border over the rest; of permutations, turns and mirrors over all.
    """
    import torch

    symmetry, size = getattr(probe, "symmetry", None), probe.shape.size
    error, inside = None, torch.ones(size, dtype=torch.bool)
    if symmetry == "permutation":
        inputs, _ = batch(data, range(min(ITEMS, len(data))))
        error = departure(model, [(inputs, permutation(size))], device)
    elif symmetry == "turn":
        inputs, _ = batch(data, range(min(ITEMS, len(data))))
        error = departure(model, [(inputs, source) for source in turns(size)], device)
    elif symmetry == "shift":
        several, _ = batch(data, range(min(SOUGHT, len(data))))
        error, inside = departure(model, shiftable(several), device), middle(size)
    if error is None:
        return {}, {}
    numbers = {}
    for name, where in (("equivariance_error", inside), ("equivariance_error_border", ~inside)):
        squares = error[where & error.isfinite()].double().square()
        if len(squares):
            numbers[name] = float(squares.mean().sqrt())
    return numbers, {"equivariance": error}


def receptive_field(model: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return the mean absolute gradient of the middle output by position of the input, float32 (*size).

    Summed over input channels, averaged over the items, scaled to a sum of one; None where no gradient
    reaches the input, or one that is not finite.
    """
    import torch

    field = torch.zeros(inputs.shape[2:])
    for part in sittings(inputs):
        # items do not mix, so the gradient of their sum holds each one's own
        given = part.detach().clone().requires_grad_()
        output = model(given.clone()).float()  # a copy, as it may write into what it is given
        if not output.requires_grad:
            return None
        centre = (slice(None), slice(None), *(side // 2 for side in output.shape[2:]))
        (gradient,) = torch.autograd.grad(output[centre].sum(), given, allow_unused=True)
        if gradient is None:
            return None
        field += gradient.abs().sum((0, 1)).float().cpu()
    whole = field.sum()
    return field / whole if 0 < float(whole) < inf else None


def sittings(inputs: Tensor) -> Iterator[Tensor]:
    """Yield inputs (batch, channels, *size) by as many items as a network is given at once."""
    step = sitting(inputs.shape[2:])
    return (inputs[start : start + step] for start in range(0, len(inputs), step))


def radius(field: Tensor) -> float:
    """Return the distance from the middle, in positions, within which 90 % of a receptive field lies."""
    import torch

    sides = [torch.arange(side) - side // 2 for side in field.shape]
    distance = torch.stack(torch.meshgrid(*sides, indexing="ij")).double().square().sum(0).sqrt().flatten()
    order = distance.argsort()
    held = field.flatten().double()[order].cumsum(0)
    place = int(torch.searchsorted(held, SHARE * float(held[-1])))
    return float(distance[order][min(place, len(held) - 1)])


def moved(values: Tensor, source: Tensor) -> Tensor:
    """Return values (batch, channels, *size) with flat position p taken from source[p], 0 for -1."""
    places = source.to(values.device)
    return (values.flatten(2)[..., places.clamp(min=0)] * (places >= 0)).view_as(values)


def permutation(size: tuple[int, ...]) -> Tensor:
    """Return one permutation of the positions, always the same, (positions,) int64."""
    import torch

    return torch.randperm(prod(size), generator=torch.Generator().manual_seed(0))


def turns(size: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield for each turn and mirror image of a square map, itself left out, where positions come from,
    (positions,) int64. Raises ValueError where the map is no square."""
    import torch

    if len(size) != 2 or size[0] != size[1]:
        raise ValueError(f"only square maps can be turned, not {' x '.join(map(str, size))}")
    whole = torch.arange(prod(size)).view(size)
    for one, quarters in product((whole, whole.flip(1)), range(4)):
        if one is not whole or quarters:
            yield torch.rot90(one, quarters).flatten()


def shifts(size: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield for a shift each way along each axis where positions come from, (positions,) int64, or -1.

    A shift is a sixteenth of the side, made odd, so that no down-sampling divides it.
    """
    import torch

    whole = torch.arange(prod(size)).view(size)
    for axis, way in product(range(len(size)), (1, -1)):
        step = way * (size[axis] // 16 | 1)
        source = whole.roll(step, axis)
        source.narrow(axis, 0 if step > 0 else size[axis] + step, abs(step)).fill_(-1)
        yield source.flatten()


def departure(
    model: nn.Module, moves: Iterable[tuple[Tensor, Tensor]], device: torch.device
) -> Tensor | None:
    """Return by position how far the output of moved inputs is from the moved output, float32 (*size).

    moves: inputs (batch, channels, *size), and where positions come from. A root mean square over items,
    channels and moves, as a share of the outputs' standard deviation; NaN where nothing came from inside.
    None without moves.
    """
    import torch

    errors, known, outputs = [], [], []
    for inputs, source in moves:
        first, second = answers(model, inputs, device), answers(model, moved(inputs, source), device)
        inside = (source >= 0).view(first.shape[2:])
        errors.append((second - moved(first, source)).double().square().mean(1).sum(0) * inside)
        known.append(inside * len(inputs))
        outputs.append(first.double().flatten())
    if not errors:
        return None
    scale = torch.cat(outputs).std().clamp(min=TINY)
    error = (torch.stack(errors).sum(0) / torch.stack(known).sum(0)).sqrt() / scale
    return error.float()


def answers(model: nn.Module, inputs: Tensor, device: torch.device) -> Tensor:
    """Return a network's answers to inputs (batch, channels, *size), float32."""
    import torch

    with torch.no_grad():
        parts = [model(part.to(device).clone()).float().cpu() for part in sittings(inputs)]
    return torch.cat(parts)


def middle(size: tuple[int, ...]) -> Tensor:
    """Return the positions in the middle half of each side, (*size) bool."""
    import torch

    inside = torch.zeros(size, dtype=torch.bool)
    inside[tuple(slice(side // 4, side - side // 4) for side in size)] = True
    return inside


def shiftable(inputs: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each shift the items that lose nothing but zeros by it, and where positions come from."""
    for source in shifts(tuple(inputs.shape[2:])):
        kept = (moved(inputs, source) != 0).flatten(1).sum(1) == (inputs != 0).flatten(1).sum(1)
        some = inputs[kept][:ITEMS]
        if len(some):
            yield some, source
