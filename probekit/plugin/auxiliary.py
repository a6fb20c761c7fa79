"""An auxiliary loss is a scalar that a layer adds to the loss of a training step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from probekit.plugin.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


class AuxiliaryLosses:
    """The auxiliary losses of one training step, in the order in which layers added them."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def add_to(self, loss: Tensor) -> Tensor:
        """Return the step's loss plus all auxiliary losses; `loss` itself if there are none."""
        for auxiliary in self.losses:
            loss = loss + auxiliary
        return loss


_collected: ContextVar[AuxiliaryLosses | None] = ContextVar("collected", default=None)


def auxiliary_loss(loss: Tensor) -> None:
    """Add a scalar to the loss of this training step; a layer calls it in `forward`.

    The loss of a step is the probe's loss plus the sum of what its layers add. The call does nothing in eval
    mode, under `no_grad` and where no trainer collects auxiliary losses, for instance during scoring.

    Args:
        loss: a floating-point tensor without dimensions, with its weight applied: `0.01 * balance`.

    Raises:
        RunError: `loss` is not a floating-point scalar.
    """
    import torch

    if not isinstance(loss, torch.Tensor):
        problem = f"it was given a {type(loss).__name__}"
    elif loss.ndim:
        problem = f"it was given a tensor of shape {tuple(loss.shape)}"
    elif not loss.is_floating_point():
        problem = f"it was given a {loss.dtype}"
    else:
        problem = ""
    if problem:
        raise RunError("probekit.auxiliary_loss", problem, "Give it a scalar tensor, as x.square().mean().")
    collected = _collected.get()
    if collected is not None and torch.is_grad_enabled():
        collected.losses.append(loss)


# torch.compile must not trace it; the decorator torch.compiler.disable would import torch here
auxiliary_loss._torchdynamo_disable = True  # type: ignore[attr-defined]


@contextlib.contextmanager
def collect_auxiliary_losses(model: Module) -> Iterator[AuxiliaryLosses]:
    """Collect the auxiliary losses of layers while the block runs; a trainer wraps the forward pass in it.

    Blocks can be nested: the inner block collects, and the outer one does not see its losses.

    Args:
        model: the network. In eval mode nothing is collected.
    """
    collected = AuxiliaryLosses()
    token = _collected.set(collected if model.training else None)
    try:
        yield collected
    finally:
        _collected.reset(token)
