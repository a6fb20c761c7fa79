"""The equivariance of a network: how far its output is from moving with its input.

Source: Courtois et al. 2022, sections 3.2 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Dataset, Probe
from probekit.scores.measurement import Measurement, draw_random_items, predict_all
from probekit.scores.offsets import Offset, find_ignored_offset, remove_offset

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 256
"""How many items are moved, each in one way: enough that a test split's rows and orientations all occur."""
CANDIDATES = 1024
"""How many random test items are searched for ones that can be shifted."""
CONSTANT, ROUNDING = 1e-4, 1e-6
"""Relative to the size of the outputs: a spread below the first is none, a difference below the second is a
rounding error (exact layers in float32 reach 2e-7). The first is so much larger that no error of more than a
hundredth of the spread passes for rounding."""
ERROR, BORDER, MAP = "equivariance_error", "equivariance_error_border", "equivariance"
Move = tuple["Tensor", "Tensor"]
"""Source positions (positions,) int64, and the indices of the items to move (items,) int64."""


def measure_equivariance(model: nn.Module, probe: Probe, data: Dataset, device: torch.device) -> Measurement:
    """Measure how far a network is from moving its output with its input.

    The error is the root mean square difference between the output of a moved input and the moved output,
    over random test items, channels and moves, divided by the standard deviation of all these outputs over
    items and positions. The outputs are first freed from the offset that the probe's loss ignores (see
    `find_ignored_offset`): it changes no answer. Rounding errors count as none.

    A network that gives one answer to all inputs at all positions moves its output with its input, which
    says nothing. It is called constant and gets no number.

    Returns:
        The number `equivariance_error`, the root mean square of the map `equivariance`. For shifts it covers
        the middle half of each side, and `equivariance_error_border` the rest; for permutations, rotations
        and reflections it covers all positions. Empty for a probe without a symmetry, and for pooled answers.
    """
    import torch

    symmetry, size = probe.symmetry, probe.shape.size
    if symmetry not in ("shift", "permutation", "turn") or probe.shape.pooled:
        return Measurement()
    inputs, targets = draw_random_items(data, CANDIDATES if symmetry == "shift" else ITEMS)
    moves = list_moves(symmetry, inputs)
    if not moves:
        return Measurement()
    used = torch.unique(torch.cat([items for _, items in moves]))
    moves = [(source, torch.searchsorted(used, items)) for source, items in moves]
    ignored = find_ignored_offset(probe, targets)
    error = equivariance_map(model, inputs[used], moves, device, ignored)
    if error is None:
        return Measurement(items={ERROR: len(used)}, constant=True)
    inside = central_mask(size) if symmetry == "shift" else torch.ones(size, dtype=torch.bool)
    numbers = {}
    for name, mask in ((ERROR, inside), (BORDER, ~inside)):
        squares = error[mask & error.isfinite()].double().square()
        if len(squares):
            numbers[name] = float(squares.mean().sqrt())
    return Measurement(numbers, {MAP: error}, dict.fromkeys(numbers, len(used)))


def list_moves(symmetry: str, inputs: Tensor) -> list[Move]:
    """Return the moves of a symmetry, each with its share of the items that lose only zeros by it.

    Each move takes other items, as far as there are enough, so that all moves together try many.
    """
    size = tuple(inputs.shape[2:])
    if symmetry == "permutation":
        sources = [fixed_permutation(size)]
    else:
        sources = list(square_symmetries(size) if symmetry == "turn" else axis_shifts(size))
    count = ITEMS // len(sources)
    shares = ((source, movable_items(inputs, source)) for source in sources)
    return [
        (source, items.roll(-number * count)[:count])
        for number, (source, items) in enumerate(shares)
        if len(items)
    ]


def equivariance_map(
    model: nn.Module,
    inputs: Tensor,
    moves: Sequence[Move],
    device: torch.device,
    ignored: Offset = "none",
) -> Tensor | None:
    """Return by position how far the output of moved inputs is from the moved output.

    Args:
        model: The trained network.
        inputs: (batch, channels, *size).
        moves: At least one.
        device: Where the network lives.
        ignored: The offset of outputs that does not count.

    Returns:
        float32 (*size): the root mean square over items, channels and moves, divided by the standard
        deviation of the outputs; NaN where no source lies inside. None if the outputs are constant.
    """
    import torch

    raw = predict_all(model, inputs, device)
    output, spread = remove_offset(raw, ignored), Spread()
    spread.add(output)
    errors, counts = [], []
    for source, items in moves:
        moved = remove_offset(predict_all(model, move_positions(inputs[items], source), device), ignored)
        spread.add(moved)
        inside = (source >= 0).view(output.shape[2:])
        difference = moved - move_positions(output[items], source)
        errors.append(difference.double().square().mean(1).sum(0) * inside)
        counts.append(inside * len(items))
    scale, magnitude = spread.deviation, float(raw.double().square().mean().sqrt())
    if scale <= CONSTANT * magnitude:
        return None
    error = (torch.stack(errors).sum(0) / torch.stack(counts).sum(0)).sqrt()
    return (error.masked_fill(error < ROUNDING * magnitude, 0) / scale).float()


class Spread:
    """The standard deviation of outputs over items and positions, a root mean square over channels.

    Each channel has its own mean, because a constant that differs between channels is no variation.
    """

    def __init__(self) -> None:
        self.moments: list[Tensor] = []

    def add(self, output: Tensor) -> None:
        """Add outputs (batch, channels, *size)."""
        import torch

        channels = output.double().transpose(0, 1).flatten(1)
        count = channels.new_full((len(channels),), channels.shape[1])
        self.moments.append(torch.stack([count, channels.sum(1), channels.square().sum(1)]))

    @property
    def deviation(self) -> float:
        """The standard deviation of all that was added."""
        import torch

        count, total, squares = torch.stack(self.moments).sum(0)
        variance = (squares / count - (total / count).square()).clamp(min=0)
        return float(variance.mean().sqrt())


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


def central_mask(size: tuple[int, ...]) -> Tensor:
    """Return a mask, (*size) bool, of the middle half of each side."""
    import torch

    inside = torch.zeros(size, dtype=torch.bool)
    inside[tuple(slice(side // 4, side - side // 4) for side in size)] = True
    return inside


def movable_items(inputs: Tensor, source: Tensor) -> Tensor:
    """Return the indices of the items that lose only zeros when they are moved, (items,) int64."""
    lossless = (move_positions(inputs, source) != 0).flatten(1).sum(1) == (inputs != 0).flatten(1).sum(1)
    return lossless.nonzero()[:, 0]
