"""Look-ahead: an output that changes with inputs at later positions, as none of a causal network does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

TOLERANCE = 1e-4
"""The largest change of an output, relative to the largest output, that is rounding."""
NUDGE = 0.05
"""Standard deviation of the noise on the weights: a zero at the start may hide a path."""


def find_look_ahead(
    model: Module, inputs: Tensor, lasts: Iterable[int], call: Callable[[Module, Tensor], Tensor]
) -> tuple[int, int] | None:
    """Return the first output that depends on later inputs, and after which position these lie.

    Noise is added to the weights of the model; pass a copy to keep them.

    Args:
        model: The network, in eval mode.
        inputs: Inputs, (batch, channels, *size) float32.
        lasts: Positions, in reading order; all inputs after each of them are drawn anew.
        call: Calls the network with the same random numbers each time.

    Returns:
        Both positions in reading order; None if no output changes by more than rounding.
    """
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(NUDGE * torch.randn_like(weight))
        before = call(model, inputs.clone()).flatten(2)
        for last in lasts:
            changed = inputs.clone()
            changed.flatten(2)[..., last + 1 :].normal_()
            moved = (call(model, changed).flatten(2) - before)[..., : last + 1].abs()
            if float(moved.max()) > TOLERANCE * float(before.abs().max()):
                return int(moved.amax((0, 1)).argmax()), last
    return None
