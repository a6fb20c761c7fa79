"""Training steps report loss and gradient norms, so that a replay can compare the first steps of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

FIRST_STEPS = 3
"""The number of first steps that a replay compares."""
Listener = Callable[[float, dict[str, float], dict[str, float]], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def is_watched() -> bool:
    """Return whether a listener receives the steps of this training."""
    return _listener.get() is not None


def report_step(loss: float, gradients: dict[str, float], buffers: dict[str, float] | None = None) -> None:
    """Report one step to the listener.

    Args:
        loss: the loss of the step.
        gradients: the norm of each parameter's gradient, by parameter name.
        buffers: the norm of each buffer, by buffer name.
    """
    listener = _listener.get()
    if listener is not None:
        listener(loss, gradients, buffers or {})


def watch_step(model: Module, loss: Tensor) -> None:
    """Report a step to the listener; a trainer calls it after the backward pass and before clipping.

    It costs nothing when there is no listener, which is the case after the first steps of a run.

    Args:
        model: the network, with the gradients of this step.
        loss: the loss of this step's batch, a scalar.
    """
    if is_watched():
        report_step(float(loss.detach()), gradient_norms(model), buffer_norms(model))


def gradient_norms(model: Module) -> dict[str, float]:
    """Return the norm of each gradient by parameter name, for the parameters that have one."""
    return {
        name: float(parameter.grad.detach().norm())
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def buffer_norms(model: Module) -> dict[str, float]:
    """Return the norm of each dense buffer by name: training changes buffers without a gradient."""
    import torch

    return {
        name: float((buffer.abs() if buffer.is_complex() else buffer).detach().float().norm())
        for name, buffer in model.named_buffers()
        if buffer.layout == torch.strided and not buffer.is_quantized
    }


@contextlib.contextmanager
def listen_to_steps(listener: Listener) -> Iterator[None]:
    """Call `listener` with the loss and norms of each step, until the block or `stop_listening` ends it."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stop_listening() -> None:
    """Remove the listener of this training, so that further steps cost nothing."""
    _listener.set(None)
