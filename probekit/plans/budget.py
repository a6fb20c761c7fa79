"""The budget: the width whose parameter count is nearest to what a scale allows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from probekit.catalog.expression import Expression
from probekit.catalog.part import Part, list_divisors
from probekit.plans.spec import RunSpec
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Probe, Scale, Shape

if TYPE_CHECKING:
    from torch.nn import Module

WIDEST = 4096
"""The greatest width that is tried for a budget, unless a structure declares its widths."""
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
    widths = list_allowed_widths(expression)
    counts: dict[int, int] = {}

    def count_at(index: int) -> int:
        if index not in counts:
            counts[index] = count_parameters(expression, shape, widths[index])
        return counts[index]

    low, high = -1, len(widths)
    guess = find_nearest(widths, FIRST_WIDTH)
    while high - low > 1:
        guess = min(max(guess, low + 1), high - 1) if len(counts) < GUESSES else (low + high) // 2
        count = count_at(guess)
        low, high = (guess, high) if count < budget else (low, guess)
        guess = find_nearest(widths, widths[guess] * (budget / count) ** 0.5)
    tried = [index for index in (low, high) if index in counts]
    best = min(tried, key=lambda index: abs(count_at(index) - budget))
    gap = count_at(best) / budget - 1
    if typed and abs(gap) > REFUSED:
        raise UsageError(
            f"{expression.text} within {budget:,} parameters",
            f"the nearest width, {widths[best]}, has {count_at(best):,}, {gap:+.0%}",
            f"Type --budget {count_at(best)} or --width {widths[best]}.",
        )
    return widths[best]


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
    widths = list_allowed_widths(expression)
    budget = spec.budget or (None if spec.width else scale.budget)
    if budget is not None:
        typed = spec.budget not in (None, scale.budget)
        nearest = find_nearest_width(expression, probe.shape, budget, typed=typed)
        return Width(
            nearest if typed else find_least_width(expression, max(nearest, LEAST_WIDTH)), budget=budget
        )
    if spec.width is not None and spec.width not in widths:
        refuse_width(expression, spec.width, widths)
    suggested = spec.width or scale.width
    if suggested is None:
        raise UsageError(
            f"scale {spec.scale!r} of {spec.probe}", "it has neither a width nor a budget", "Type --width N."
        )
    width = widths[find_nearest(widths, suggested)]
    return Width(width, suggested if width != suggested else None)


def refuse_width(expression: Expression, width: int, widths: Sequence[int]) -> NoReturn:
    """Raise UsageError for a width that an expression does not allow, with the nearest that it does."""
    lower = [allowed for allowed in widths if allowed < width][-1:]
    upper = [allowed for allowed in widths if allowed > width][:1]
    hint = f"Type {' or '.join(f'--width {allowed}' for allowed in lower + upper)}."
    if fitting := list_fitting_heads(expression, width):
        hint += f" Or keep the width, and type heads={' or '.join(map(str, fitting))}."
    problem = (
        f"its terms need a multiple of {widths.step}"
        if isinstance(widths, range)
        else f"it has the widths {', '.join(map(str, widths))}"
    )
    raise UsageError(f"{expression.text} of width {width}", problem, hint)


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


def list_allowed_widths(expression: Expression) -> Sequence[int]:
    """Return the widths that a structure can have with its layer, in ascending order.

    They are the multiples of the expression's step; if the structure has an attribute `widths`, only those.

    Raises:
        ProbekitError: `widths` are no positive whole numbers, or none is a multiple of the step.
    """
    step = expression.width_step
    structure = expression.structure
    declared = getattr(structure.target, "widths", None)
    if declared is None:
        return range(step, max(WIDEST, step) + 1, step)
    request, hint = f"structure {structure.text}", "Declare `widths` as a tuple, such as (8, 16, 32, 64)."
    if not isinstance(declared, tuple | list | range) or not declared:
        raise ProbekitError(request, f"its `widths` are {declared!r}", hint)
    if wrong := [width for width in declared if not isinstance(width, int) or width < 1]:
        raise ProbekitError(request, f"one of its `widths` is {wrong[0]!r}", hint)
    if allowed := sorted({width for width in declared if width % step == 0}):
        return allowed
    raise UsageError(
        f"structure {expression.text!r}",
        f"its layer needs a width that is a multiple of {step}, and {structure.display_name} has the widths "
        + ", ".join(map(str, declared)),
        "Type another number of heads, or another layer.",
    )


def find_nearest(widths: Sequence[int], width: float) -> int:
    """Return the index of the width nearest to a number; of two equally near, of the lower one."""
    above = bisect_left(widths, width)
    candidates = [index for index in (above - 1, above) if 0 <= index < len(widths)]
    return min(candidates, key=lambda index: abs(widths[index] - width))


def find_least_width(expression: Expression, least: int) -> int:
    """Return the least width that an expression allows from a number on; its greatest if all are less."""
    widths = list_allowed_widths(expression)
    return widths[min(bisect_left(widths, least), len(widths) - 1)]
