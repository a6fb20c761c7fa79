"""Modules of plugins are checked before torch uses them, and their outputs are pooled for some probes."""

from __future__ import annotations

import sys
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from probekit.plugin.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

CALL_INIT = (
    "Call super().__init__() before all else; a @dataclass(eq=False) calls it first in its __post_init__."
)
KEEP_IDENTITY = "Write @dataclass(eq=False): two modules with equal fields are still two modules."
ADD_HASH = "Write __hash__ = torch.nn.Module.__hash__ next to its __eq__."
FAULT_HINTS = {"before Module.__init__() call": CALL_INIT, "unhashable type": KEEP_IDENTITY}
"""Messages of torch and Python while such a module is built, and what to write."""


def check_unbuilt(target: Any, request: str) -> None:
    """Raise UsageError if a target is a module, which no run can build from its own seed."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(target, torch.nn.Module):
        return
    name = type(target).__name__
    is_of_torch = type(target).__module__.startswith("torch.")
    function = (
        f"a function that builds it, def build(shape): return {name}(...), where shape.inputs and "
        "shape.outputs are numbers of channels."
    )
    problem = "it is a module that is built already, and each run builds its own from its seed"
    raise UsageError(request, problem, f"Name {'' if is_of_torch else f'the class {name}, or '}{function}")


def find_fault(built: Any) -> tuple[str, str] | None:
    """Return why torch cannot use a module or one of its submodules, and what to write; None if it can."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(built, torch.nn.Module):
        return None
    checked: set[int] = set()
    pending: list[Module] = [built]
    while pending:
        module = pending.pop()
        if id(module) in checked:
            continue
        checked.add(id(module))
        cls, name = type(module), type(module).__name__
        if "_modules" not in vars(module) or "_parameters" not in vars(module):
            return f"{name} does not call super().__init__()", CALL_INIT
        if is_dataclass(cls) and cls.__eq__ is not object.__eq__:
            return f"{name} is a dataclass, and two of its modules with equal fields are equal", KEEP_IDENTITY
        if cls.__hash__ is None:
            return f"{name} has an __eq__ and no __hash__, so torch cannot tell its modules apart", ADD_HASH
        pending += [child for child in vars(module)["_modules"].values() if child is not None]
    return None


def start_pooling(network: Module, *, padded: bool = False) -> Module:
    """Let a network average its outputs over positions, and return it.

    A forward hook leaves the names of the weights as they are. Where the last map is linear, this is its
    answer to the mean of its inputs.

    Args:
        network: the network.
        padded: whether to average over the positions of the item only, as in `Shape`.
    """
    network.register_forward_hook(pool_item_output if padded else pool_output)
    return network


def stop_pooling(network: Module) -> Module:
    """Let a network answer at each position again, if it does not pool by itself, and return it."""
    for key, hook in list(network._forward_hooks.items()):
        if hook in (pool_output, pool_item_output):
            del network._forward_hooks[key]
    return network


def pool_output(module: Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """Return the mean of outputs (batch, outputs, *size) over positions; what a network pooled stays."""
    if getattr(output, "ndim", 0) < 3:
        return output
    mean: Tensor = output.flatten(2).mean(2)
    return mean


def pool_item_output(module: Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """Return the mean as `pool_output` does, over positions at which the last input channel is not 0."""
    if getattr(output, "ndim", 0) < 3:
        return output
    is_item = inputs[0][:, -1:].flatten(2) != 0
    total: Tensor = output.flatten(2).where(is_item, 0).sum(2)
    return total / is_item.sum(2).clamp(min=1)
