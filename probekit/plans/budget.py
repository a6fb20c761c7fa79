"""The budget chooses the width whose parameter count is nearest to what a scale allows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from probekit.catalog.expression import Expression
from probekit.errors import ProbekitError, UsageError
from probekit.interfaces import Probe, Scale, Shape
from probekit.plans.spec import RunSpec

if TYPE_CHECKING:
    from torch.nn import Module

WIDEST = 4096
REFUSED = 0.25
ROOM = 1 << 22
"""How many numbers a tensor may hold that is made to be counted."""


def count(expression: Expression, shape: Shape, width: int | None) -> int:
    """Return how many parameters the network has, built as it will be when it is trained.

    One with a tensor of more than 2^22 numbers is built again on the meta device, without memory. No other
    is: what a layer keeps for the next one, as a grid in a cache, would be kept without its values.
    Raises ProbekitError where the network cannot be built, is no module, or has weights whose shape is not
    known until it is run.
    """
    import torch

    network = bounded(expression, shape, width)
    asked = f"structure {expression.text!r}"
    if not isinstance(network, torch.nn.Module):
        raise ProbekitError(
            asked, f"it built a {type(network).__name__}", "A structure builds a torch.nn.Module."
        )
    lazy = [name for name, weight in network.named_parameters() if torch.nn.parameter.is_lazy(weight)]
    if lazy:
        found = f"the shape of {lazy[0]} is not known before it is run"
        raise ProbekitError(asked, found, "Give its sizes where it is built: no lazy modules.")
    return sum(p.numel() for p in network.parameters())


def bounded(expression: Expression, shape: Shape, width: int | None) -> Module:
    """Build a network, on the meta device where one of its tensors is too large to be made."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    refused = False

    class Bound(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """Refuses to make a tensor that is too large, before there is memory for it."""

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal refused
            sizes = args[func.name().startswith("aten::new_") :][:1]  # which come after a tensor
            if sizes and isinstance(sizes[0], list | tuple):
                refused |= prod(side for side in sizes[0] if isinstance(side, int)) > ROOM
            if refused:
                raise MemoryError("a tensor of it is too large to be made here")
            return func(*args, **(kwargs or {}))

    try:
        with Bound():  # type: ignore[no-untyped-call]
            return expression.build(shape, width)
    except ProbekitError:
        if not refused:
            raise
    with torch.device("meta"):
        return expression.build(shape, width)


def nearest(expression: Expression, shape: Shape, budget: int, *, typed: bool = False) -> int:
    """Return the admissible width whose count is nearest to the budget.

    Counts rise with the width, so a bisection finds the two admissible widths around the budget.
    typed: whether somebody asked for the budget, which a scale only wishes. Raises UsageError where the
    nearest to one that was typed is more than 25 % off.
    """
    step = expression.width_step
    counts: dict[int, int] = {}

    def at(steps: int) -> int:
        if steps not in counts:
            counts[steps] = count(expression, shape, steps * step)
        return counts[steps]

    high = 1
    while at(high) < budget and high * step < WIDEST:
        high *= 2
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle) < budget else (low, middle)
    best = min((low, high), key=lambda steps: abs(at(steps) - budget))
    gap = at(best) / budget - 1
    if typed and abs(gap) > REFUSED:
        raise UsageError(
            f"{expression.text} within {budget:,} parameters",
            f"the nearest width, {best * step}, has {at(best):,}, {gap:+.0%}",
            f"Type --budget {at(best)} or --width {best * step}.",
        )
    return best * step


class Width(NamedTuple):
    """The width a network is built with; None where its structure has none.

    wished: the scale's, where it is another because the terms need a multiple of something. budget: what it
    was chosen for, in parameters, if it was.
    """

    chosen: int | None
    wished: int | None = None
    budget: int | None = None


def width_of(spec: RunSpec, scale: Scale, expression: Expression, probe: Probe) -> Width:
    """Return the width that was typed, or the one nearest to the budget or to what the scale wishes.

    Raises UsageError where a width that was typed is not a multiple of what the terms need, or a structure
    has none.
    """
    if not expression.has_width:
        for option, typed in (("--width", spec.width), ("--budget", spec.budget)):
            if typed is not None:
                name = expression.structure.component.name
                raise UsageError(f"{option} {typed}", f"{name} has no width", f"Leave {option} out.")
        return Width(None, budget=scale.budget)
    allowed = spec.budget or (None if spec.width else scale.budget)
    if allowed is not None:
        typed = spec.budget is not None
        return Width(nearest(expression, probe.shape, allowed, typed=typed), budget=allowed)
    step = expression.width_step
    if spec.width is not None and spec.width % step:
        raise UsageError(
            f"{expression.text} of width {spec.width}",
            f"its terms need a multiple of {step}",
            f"Type --width {admissible(spec.width, step)}.",
        )
    wished = spec.width or scale.width
    if wished is None:
        raise UsageError(
            f"scale {spec.scale!r} of {spec.probe}", "it has neither a width nor a budget", "Type --width."
        )
    width = admissible(wished, step)
    return Width(width, wished if width != wished else None)


def admissible(wished: int, step: int) -> int:
    """Return the multiple of a step that is nearest to a width, the lower of two that are equally near."""
    return max(step, -(-(2 * wished - step) // (2 * step)) * step)
