"""Offsets are numbers that can be added to outputs without a change of a probe's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from probekit.plugin.interfaces import Probe

if TYPE_CHECKING:
    from torch import Tensor

Offset = Literal["position", "item", "none"]
SPREAD = 3.0
"""Standard deviation of the offsets that are tried."""
SAME = 1e-4
"""Relative difference of two losses up to which they are equal: float32 rounds to less."""


def find_ignored_offset(probe: Probe, targets: Tensor) -> Offset:
    """Ask a probe's loss which offsets of the outputs it ignores.

    A cross-entropy over channels ignores a number that is added to all channels of a position, because
    softmax does: the logits (y, 0) and (y, -y) mean the same up to a factor. A cross-entropy over the cells
    of a map ignores a number that is added to the whole item. Squared errors ignore nothing.

    Args:
        probe: The probe.
        targets: Of a few items, (batch, channels, *size), or (batch, channels) if answers are pooled.

    Returns:
        "position", "item" or "none". An offset per position includes an offset per item.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    count, outputs, size = len(targets), probe.shape.outputs, probe.shape.answer_size
    with torch.no_grad():
        output = torch.randn(count, outputs, *size, generator=generator)
        loss = float(probe.loss(output.clone(), targets))
        shapes: dict[Offset, tuple[int, ...]] = {"item": (count, 1, *(1 for _ in size))}
        if outputs > 1:  # the only channel of a position is the answer, not an offset
            shapes = {"position": (count, 1, *size), **shapes}
        for kind, shape in shapes.items():
            offset = SPREAD * torch.randn(shape, generator=generator)
            if abs(float(probe.loss(output + offset, targets)) - loss) <= SAME * abs(loss):
                return kind
    return "none"


def remove_offset(output: Tensor, ignored: Offset) -> Tensor:
    """Return outputs (batch, channels, *size) without the offset that the loss ignores: of mean zero."""
    if ignored == "none":
        return output
    axes = (1,) if ignored == "position" else tuple(range(1, output.ndim))
    return output - output.mean(axes, keepdim=True)
