"""An auxiliary loss is a scalar that a layer adds to the loss of a training step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from probekit.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class AuxiliaryLosses:
    """The auxiliary losses of one step, in the order in which layers added them."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def add_to(self, loss: Tensor) -> Tensor:
        """Return a step's loss with all of them added; the loss itself where there are none."""
        for auxiliary in self.losses:
            loss = loss + auxiliary
        return loss


_collected: ContextVar[AuxiliaryLosses | None] = ContextVar("collected", default=None)


def auxiliary_loss(loss: Tensor) -> None:
    """Add a scalar to the loss of this training step; a layer calls it in `forward`.

    A step's loss is the probe's plus the sum of what its layers add. Nothing is added in eval, under
    `no_grad`, and where no trainer collects, as when a network is scored or called by hand: what a layer adds
    there is forgotten.

    Args:
        loss: a tensor without dimensions, weighted as it is to count: `0.01 * balance`.

    Raises:
        RunError: it is no floating-point scalar.
    """
    import torch

    if not isinstance(loss, torch.Tensor):
        found = f"it was given a {type(loss).__name__}"
    elif loss.ndim:
        found = f"it was given a tensor of shape {tuple(loss.shape)}"
    elif not loss.is_floating_point():
        found = f"it was given a {loss.dtype}"
    else:
        found = ""
    if found:
        raise RunError("probekit.auxiliary_loss", found, "Give it a scalar tensor, as x.square().mean().")
    collected = _collected.get()
    if collected is not None and torch.is_grad_enabled():
        collected.losses.append(loss)


# torch.compile calls it as it is, rather than compile it; torch.compiler.disable would import torch here
auxiliary_loss._torchdynamo_disable = True  # type: ignore[attr-defined]


@contextlib.contextmanager
def collect_auxiliary_losses(model: Module) -> Iterator[AuxiliaryLosses]:
    """Collect what layers add to the loss while the block runs; a trainer puts it around the forward pass.

    A block within another collects alone, and the outer one sees nothing of it.

    Args:
        model: the network; where it is in eval mode nothing is collected.
    """
    collected = AuxiliaryLosses()
    token = _collected.set(collected if model.training else None)
    try:
        yield collected
    finally:
        _collected.reset(token)
