"""The effective receptive field of a network: which input positions influence its central output.

Source: Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
NeurIPS 2016.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Dataset, Probe
from probekit.scores.measurement import Measurement, draw_random_items, eval_batches
from probekit.scores.offsets import find_ignored_offset

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ITEMS = 64
MAX_EXACT = 4
"""For outputs of more dimensions, the norm is estimated from as many random projections of each item."""
INFLUENCE = 0.9
RADIUS, FIELD = "receptive_radius", "receptive_field"


def effective_receptive_field(
    model: nn.Module, probe: Probe, data: Dataset, device: torch.device
) -> Measurement:
    """Measure the effective receptive field (Luo et al. 2016).

    The influence of a position is the Frobenius norm of the Jacobian of the central output, all its channels
    together, with respect to the input at that position. A sum over channels would not do: where one channel
    rises as another falls, the sum sees nothing. The output is first freed from the offset that the probe's
    loss ignores (see `find_ignored_offset`), so that the logits (y, 0) and (y, -y), which mean the same up to
    a factor, have one receptive field, and a common offset of all logits, which no answer depends on, has no
    influence. Log-probabilities have this invariance too, but vanish where a network is certain.

    Returns:
        The number `receptive_radius`, in positions, within which 90 % of the influence lies, and the map
        `receptive_field`. Both are empty where no gradient reaches the input, and for a pooled answer, which
        reads all positions.
    """
    if probe.shape.pooled:
        return Measurement()
    inputs, targets = draw_random_items(data, ITEMS)
    centred = find_ignored_offset(probe, targets) == "position"
    field = receptive_field_map(model, inputs.to(device), probe.shape.outputs, centred=centred)
    if field is None:
        return Measurement()
    return Measurement({RADIUS: field_radius(field)}, {FIELD: field}, {RADIUS: len(inputs)})


def receptive_field_map(
    model: nn.Module, inputs: Tensor, outputs: int, *, centred: bool = False
) -> Tensor | None:
    """Return the mean influence of each input position on the central output.

    Args:
        model: The trained network.
        inputs: (batch, channels, *size).
        outputs: Number of output channels.
        centred: Whether the mean over output channels is removed first.

    Returns:
        float32 (*size): the Frobenius norm of the Jacobian, averaged over items, scaled to a sum of one. None
        where no gradient reaches the input, or it is not finite.
    """
    import torch

    field = torch.zeros(inputs.shape[2:])
    generator = torch.Generator().manual_seed(0)
    for chunk in eval_batches(inputs):
        squares = torch.zeros(len(chunk), *inputs.shape[2:])
        for direction in choose_directions(len(chunk), outputs, generator, centred=centred):
            gradient = central_gradient(model, chunk, direction)
            if gradient is None:
                return None
            squares += gradient.square().sum(1)
        field += squares.sqrt().sum(0)
    total = float(field.sum())
    return field / total if 0 < total < inf else None


def central_gradient(model: nn.Module, inputs: Tensor, direction: Tensor) -> Tensor | None:
    """Return the gradient of the central output along a direction.

    Args:
        model: The trained network.
        inputs: (batch, channels, *size).
        direction: Weights of the output channels, (batch, outputs).

    Returns:
        float32 of the shape of the inputs, on the CPU; None where no gradient reaches them.
    """
    import torch

    leaf = inputs.detach().clone().requires_grad_()
    output = model(leaf.clone()).float()  # a copy, because a network may write into its input
    if not output.requires_grad:
        return None
    centre = output[(slice(None), slice(None), *(side // 2 for side in output.shape[2:]))]
    # items do not mix, so the gradient of the sum holds the gradient of each item
    (gradient,) = torch.autograd.grad((centre * direction.to(centre)).sum(), leaf, allow_unused=True)
    return None if gradient is None else gradient.float().cpu()


def choose_directions(items: int, outputs: int, generator: torch.Generator, *, centred: bool) -> Tensor:
    """Return the output directions whose squared gradients add up to the squared Frobenius norm.

    Args:
        items: Number of items.
        outputs: Number of output channels.
        generator: For the random directions.
        centred: Whether to project the directions to mean zero.

    Returns:
        (directions, items, outputs): an orthonormal basis if it has at most four vectors, else four random
        vectors per item, whose squares have the right expectation up to a factor.
    """
    import torch

    removed = 1 / outputs if centred else 0.0
    projection = torch.eye(outputs) - removed
    if outputs - centred <= MAX_EXACT:
        basis = torch.linalg.eigh(projection).eigenvectors.mT if centred else projection
        return basis[int(centred) :, None].expand(-1, items, -1)
    return torch.randn(MAX_EXACT, items, outputs, generator=generator) @ projection


def field_radius(field: Tensor) -> float:
    """Return the distance from the middle, in positions, within which 90 % of a receptive field lies."""
    import torch

    sides = [torch.arange(side) - side // 2 for side in field.shape]
    distance = torch.stack(torch.meshgrid(*sides, indexing="ij")).double().square().sum(0).sqrt().flatten()
    order = distance.argsort()
    cumulative = field.flatten().double()[order].cumsum(0)
    index = int(torch.searchsorted(cumulative, INFLUENCE * float(cumulative[-1])))
    return float(distance[order][min(index, len(cumulative) - 1)])
