"""The budget: the width whose parameter count is nearest to what a scale allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from probekit.catalog.expression import Expression
from probekit.catalog.part import Part, list_divisors
from probekit.plans.spec import RunSpec
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Probe, Scale, Shape

if TYPE_CHECKING:
    from torch.nn import Module

WIDEST = 4096
FIRST_WIDTH = 16
"""The first width that is tried for a budget."""
LEAST_WIDTH = 8
"""The least width that a scale's budget leads to, even if it is exceeded: narrower networks hardly train."""
GUESSES = 8
"""How many widths are guessed from the last count before a bisection goes on."""
REFUSED = 0.25
"""The largest relative gap to a budget that the user typed."""
MAX_ELEMENTS = 1 << 22
"""The largest tensor that is allocated only to count parameters."""


def count_parameters(expression: Expression, shape: Shape, width: int | None) -> int:
    """Return the number of parameters of a network, built as for training.

    A network with a tensor of more than 2^22 elements is built again on the meta device, without memory.
    Smaller ones are not: a layer may cache a tensor for the next layer, and on the meta device that cache
    would lose its values.

    Raises:
        ProbekitError: The network cannot be built, is not a module, or has lazy weights.
    """
    import torch

    network = build_bounded(expression, shape, width)
    request = f"structure {expression.text!r}"
    if not isinstance(network, torch.nn.Module):
        raise ProbekitError(
            request, f"it built a {type(network).__name__}", "A structure builds a torch.nn.Module."
        )
    lazy = [name for name, weight in network.named_parameters() if torch.nn.parameter.is_lazy(weight)]
    if lazy:
        problem = f"the shape of {lazy[0]} is not known before it is run"
        raise ProbekitError(request, problem, "Give its sizes where it is built: no lazy modules.")
    return sum(p.numel() for p in network.parameters())


def build_bounded(expression: Expression, shape: Shape, width: int | None) -> Module:
    """Build a network, on the meta device if one of its tensors has more than 2^22 elements."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    refused = False

    class SizeGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
        """Refuses a tensor that is too large before its memory is allocated."""

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal refused
            sizes = args[func.name().startswith("aten::new_") :][:1]  # in these, a tensor comes first
            if sizes and isinstance(sizes[0], list | tuple):
                refused |= prod(side for side in sizes[0] if isinstance(side, int)) > MAX_ELEMENTS
            if refused:
                raise MemoryError("one of its tensors is too large to allocate here")
            return func(*args, **(kwargs or {}))

    try:
        with SizeGuard():  # type: ignore[no-untyped-call]
            return expression.build(shape, width)
    except ProbekitError:
        if not refused:
            raise
    with torch.device("meta"):
        return expression.build(shape, width)


def find_nearest_width(expression: Expression, shape: Shape, budget: int, *, typed: bool = False) -> int:
    """Return the allowed width whose parameter count is nearest to a budget.

    Counts rise with the width, about with its square, so a few guesses find the two allowed widths around
    the budget; a bisection does where they do not.

    Args:
        expression: The structure.
        shape: The probe's shape.
        budget: The number of parameters to come near to.
        typed: Whether the user typed the budget, rather than the scale suggesting it.

    Raises:
        UsageError: The user typed the budget, and the nearest count is more than 25 % off.
    """
    step = expression.width_step
    counts: dict[int, int] = {}

    def count_at(steps: int) -> int:
        if steps not in counts:
            counts[steps] = count_parameters(expression, shape, steps * step)
        return counts[steps]

    low, high = 0, WIDEST // step + 1
    guess = max(1, FIRST_WIDTH // step)
    while high - low > 1:
        guess = min(max(guess, low + 1), high - 1) if len(counts) < GUESSES else (low + high) // 2
        count = count_at(guess)
        low, high = (guess, high) if count < budget else (low, guess)
        guess = round(guess * (budget / count) ** 0.5)
    tried = [steps for steps in (low, high) if steps in counts]
    best = min(tried, key=lambda steps: abs(count_at(steps) - budget))
    gap = count_at(best) / budget - 1
    if typed and abs(gap) > REFUSED:
        raise UsageError(
            f"{expression.text} within {budget:,} parameters",
            f"the nearest width, {best * step}, has {count_at(best):,}, {gap:+.0%}",
            f"Type --budget {count_at(best)} or --width {best * step}.",
        )
    return best * step


class Width(NamedTuple):
    """The width a network is built with.

    Attributes:
        width: The width; None if the structure has none.
        suggested: The scale's width, if the terms need a multiple of another number.
        budget: The parameter budget it was chosen for, if any.
    """

    width: int | None
    suggested: int | None = None
    budget: int | None = None


def resolve_width(spec: RunSpec, scale: Scale, expression: Expression, probe: Probe) -> Width:
    """Return the typed width, or the one nearest to the budget or to the scale's suggestion.

    A scale's budget leads to eight channels at least; the plan says how far they exceed it.

    Raises:
        UsageError: A typed width is not a multiple of what the terms need, or the structure has no width.
    """
    if not expression.has_width:
        for option, typed in (("--width", spec.width), ("--budget", spec.budget)):
            if typed is not None:
                name = expression.structure.component.name
                raise UsageError(f"{option} {typed}", f"{name} has no width", f"Leave {option} out.")
        return Width(None, budget=scale.budget)
    step = expression.width_step
    budget = spec.budget or (None if spec.width else scale.budget)
    if budget is not None:
        typed = spec.budget not in (None, scale.budget)
        nearest = find_nearest_width(expression, probe.shape, budget, typed=typed)
        return Width(nearest if typed else max(nearest, -(-LEAST_WIDTH // step) * step), budget=budget)
    if spec.width is not None and spec.width % step:
        raise UsageError(
            f"{expression.text} of width {spec.width}",
            f"its terms need a multiple of {step}",
            " ".join(suggest_widths(expression, spec.width, step)),
        )
    suggested = spec.width or scale.width
    if suggested is None:
        raise UsageError(
            f"scale {spec.scale!r} of {spec.probe}", "it has neither a width nor a budget", "Type --width N."
        )
    width = round_width(suggested, step)
    return Width(width, suggested if width != suggested else None)


def suggest_widths(expression: Expression, width: int, step: int) -> Iterator[str]:
    """Yield what to type where a width is not a multiple of the step that an expression needs."""
    lower, upper = width // step * step, -(-width // step) * step
    yield f"Type {f'--width {lower} or ' if lower else ''}--width {upper}."
    if fitting := list_fitting_heads(expression, width):
        yield f"Or keep the width, and type heads={' or '.join(map(str, fitting))}."


def list_fitting_heads(expression: Expression, width: int) -> list[int]:
    """Return the numbers of heads that a width allows; none if no part has the parameter `heads`."""
    has_heads = any("heads" in part.params for part in expression.parts)
    return [
        count
        for count in (list_divisors(width) if has_heads else ())
        if width % expression.map_parts(partial(set_heads, count)).width_step == 0
    ]


def set_heads(count: int, part: Part) -> Part:
    """Return a part with another number of heads; one without the parameter stays."""
    return replace(part, params={**part.params, "heads": count}) if "heads" in part.params else part


def round_width(width: int, step: int) -> int:
    """Return the multiple of a step nearest to a width; of two equally near, the lower one."""
    return max(step, -(-(2 * width - step) // (2 * step)) * step)
