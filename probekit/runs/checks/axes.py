"""Axes are checked with unequal numbers, so that a layer that takes one axis for another is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from math import lcm, prod
from typing import TYPE_CHECKING

from probekit.catalog.expression import Expression
from probekit.catalog.hosting import get_side_limits
from probekit.catalog.registry import Registry
from probekit.plans.scale import list_fitting_probes
from probekit.plugin.errors import ProbekitError, RunError, describe_error
from probekit.plugin.interfaces import Shape
from probekit.runs import rng

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

LEAST_SIDE = 8
"""The least side of the inputs that a layer is tried on."""
MAX_CHANNELS = 1024
"""The most channels that a layer is tried with."""
BATCH = 3
AXES: Mapping[int, tuple[str, ...]] = {1: ("length",), 2: ("height", "width")}
"""The names of the axes after the channels, by their number."""
POSITIONS = "number of positions"
LAST_AXIS_HINT = (
    "nn.Linear and nn.LayerNorm work on the last axis: call them on x.movedim(1, -1), and move the axis back."
)


def check_axes(expression: Expression, shape: Shape) -> None:
    """Check that no layer needs as many channels as positions.

    Such a layer takes one axis for another. Where both numbers happen to be equal, nothing else would show
    that.

    Args:
        expression: the structure with its layer, if it hosts one.
        shape: the shape of the probe, for its number of dimensions.

    Raises:
        RunError: the layer works on small inputs only if channels equal another axis.
    """
    for hosted in expression.layers:
        check_layer_axes(Expression(expression.structure, hosted.layer, hosted.encoding), shape)


def check_layer_axes(expression: Expression, shape: Shape) -> None:
    """Check a layer or combinator; the arguments are those of `check_axes`."""
    assert expression.layer is not None
    multiple, minimum = get_side_limits(expression.layer.target)
    step = lcm(expression.width_step, multiple)
    side = step * -(-max(LEAST_SIDE, minimum) // step)
    dims = len(shape.size)
    confused = [*AXES[dims], *([POSITIONS] if dims == 2 else [])]
    for scale in (1, 2):  # twice, as one of these sizes may have another reason to fail
        size = (scale * side, 2 * scale * side)[:dims]
        lengths = {**dict(zip(AXES[dims], size, strict=True)), POSITIONS: prod(size)}
        unequal = 2 * max(size)
        if unequal > MAX_CHANNELS or fits_layer(expression, unequal, size):
            return
        confused = [
            name
            for name in confused
            if lengths[name] <= MAX_CHANNELS and fits_layer(expression, lengths[name], size)
        ]
    if confused:
        axis = "axes 2 and 3" if confused[0] == POSITIONS else f"axis {AXES[dims].index(confused[0]) + 2}"
        problem = (
            f"it works only if the number of channels (axis 1) equals the {confused[0]} ({axis}), so it "
            "takes one for the other"
        )
        raise RunError(f"layer {expression.layer.display_name}", problem, LAST_AXIS_HINT)


def fits_layer(expression: Expression, channels: int, size: tuple[int, ...]) -> bool:
    """Return whether a layer keeps the shape of random inputs (batch, channels, *size)."""
    import torch

    causal = expression.structure.params.get("causal") is True
    with rng.preserve_rng(0), torch.no_grad(), contextlib.suppress(Exception):
        layer = expression.build_layer(channels, size, {}, causal=causal).eval()
        inputs = torch.randn(BATCH, channels, *size)
        output: Tensor = layer(inputs)
        return output.shape == inputs.shape
    return False


@contextlib.contextmanager
def explain_shape_error(
    model: nn.Module, shape: Shape, registry: Registry, device: torch.device
) -> Iterator[None]:
    """Explain an error of a network's first forward pass that comes from the shape of its inputs.

    Raises:
        RunError: the network fails on inputs of the probe, and not on inputs of other dimensions, or where
            an axis has as many positions as there are channels.
    """
    try:
        yield
    except (ProbekitError, KeyboardInterrupt):
        raise
    except Exception as error:
        if explanation := explain_inputs(model, shape, registry, device):
            request = f"inputs of shape (batch, {', '.join(map(str, (shape.inputs, *shape.size)))})"
            reason, hint = explanation
            raise RunError(request, f"{reason} ({describe_error(error)})", hint) from error
        raise


def explain_inputs(
    model: nn.Module, shape: Shape, registry: Registry, device: torch.device
) -> tuple[str, str] | None:
    """Return why a network fails on the inputs of a probe, and what to do; None if that is not known."""
    dims, side = len(shape.size), max(shape.size)
    for axis, name in enumerate(AXES[dims]):
        size = (*shape.size[:axis], shape.inputs, *shape.size[axis + 1 :])
        if size != shape.size and accepts_inputs(model, (shape.inputs, *size), device):
            reason = f"the network works only if the {name} (axis {axis + 2}) equals the number of channels"
            return f"{reason} (axis 1), so it takes one for the other", LAST_AXIS_HINT
    other = 3 - dims
    if accepts_inputs(model, (shape.inputs, *[side] * other), device):
        fitting = ", ".join(list_fitting_probes(other, registry))
        problem = f"the network takes {other}-D inputs, and this probe is {dims}-D"
        return problem, f"Probes that are {other}-D: {fitting}. In {dims}-D, use nn.Conv{dims}d and the like."
    return None


def accepts_inputs(model: nn.Module, shape: tuple[int, ...], device: torch.device) -> bool:
    """Return whether a network in eval mode takes inputs (batch, *shape)."""
    import torch

    with rng.preserve_rng(0), torch.no_grad(), contextlib.suppress(Exception):
        model(torch.zeros(BATCH, *shape, device=device))
        return True
    return False
