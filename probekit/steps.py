"""Training steps are reported one by one, so that a run can be held to its first ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

FIRST = 3
"""How many first steps a run is held to."""
Listener = Callable[[float, dict[str, float], dict[str, float]], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def is_watched() -> bool:
    """Return whether anyone listens to the steps of this training."""
    return _listener.get() is not None


def report_step(loss: float, gradients: dict[str, float], buffers: dict[str, float] | None = None) -> None:
    """Report one step: its loss, and the norms of each parameter's gradient and of each buffer by name."""
    listener = _listener.get()
    if listener is not None:
        listener(loss, gradients, buffers or {})


def watch_step(model: Module, loss: Tensor) -> None:
    """Report a step to whoever listens; a trainer calls it after the backward pass, before it clips.

    It costs nothing once nobody listens, which is after a run's first steps.

    Args:
        model: the network, with the gradients of this step.
        loss: the loss of this step's batch, a scalar.
    """
    if is_watched():
        report_step(float(loss.detach()), gradient_norms(model), buffer_norms(model))


def gradient_norms(model: Module) -> dict[str, float]:
    """Return the norm of each parameter's gradient by the parameter's name, for those that have one."""
    return {
        name: float(parameter.grad.detach().norm())
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def buffer_norms(model: Module) -> dict[str, float]:
    """Return the norm of each dense buffer by its name: training moves them without a gradient."""
    import torch

    return {
        name: float((buffer.abs() if buffer.is_complex() else buffer).detach().float().norm())
        for name, buffer in model.named_buffers()
        if buffer.layout == torch.strided and not buffer.is_quantized
    }


@contextlib.contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call `listener` with each step's loss and norms, until the block ends or `stop_listening`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stop_listening() -> None:
    """Report no further step of this training, so that the steps cost nothing from here on."""
    _listener.set(None)
