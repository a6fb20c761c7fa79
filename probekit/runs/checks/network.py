"""A network is checked before it is trained: its outputs, its state, and that a causal one is causal."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from probekit.catalog.expression import Expression
from probekit.catalog.modules import stop_pooling
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Shape
from probekit.runs import rng
from probekit.runs.network import split_state
from probekit.scores.look_ahead import find_look_ahead
from probekit.scores.score import check_shape

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def check_network(model: nn.Module, shape: Shape, device: torch.device) -> None:
    """Check a network before it is trained.

    Raises:
        RunError: Its state cannot be stored, its outputs do not have the probe's shape, or a forward pass
            adds, removes or reshapes entries of its state, so that it could not be loaded again.
    """
    import torch

    before = describe_state(model)
    model.eval()  # the zeros below must not move running means
    with torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, dtype=torch.float32, device=device))
    check_shape(output, [(1, shape.outputs, *shape.answer_size)])
    check_state(before, model, "its first forward")
    trial = None
    with rng.preserve_rng(), torch.no_grad(), contextlib.suppress(Exception):  # training reports failures
        duplicate = copy.deepcopy(model).train()
        duplicate(torch.zeros(2, shape.inputs, *shape.size, device=device))
        trial = duplicate
    if trial is not None:
        check_state(before, trial, "a forward in training")


def check_causality(expression: Expression, model: nn.Module, shape: Shape, device: torch.device) -> None:
    """Check that no position sees later ones, if the structure is asked to be causal.

    Raises:
        RunError: The first half of the outputs changes with the second half of the inputs.
    """
    import torch

    if expression.structure.params.get("causal") is not True:
        return
    found = None
    with rng.preserve_rng(0), contextlib.suppress(Exception):  # training reports failures
        trial = stop_pooling(copy.deepcopy(model).eval())
        inputs = torch.randn(1, shape.inputs, *shape.size, device=device)
        found = find_look_ahead(trial, inputs, [prod(shape.size) // 2 - 1], call_seeded)
    if found is not None:
        problem = "positions see later ones, though the structure is asked to be causal"
        names = [hosted.layer.display_name for hosted in expression.layers if not hosted.layer.layers]
        commands = " and ".join(f'`probekit check layer "{name}(causal=true)"`' for name in names or ["NAME"])
        raise RunError(expression.text, problem, f"Run {commands}.")


def call_seeded(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return a network's outputs with the same random numbers each time."""
    rng.seed_rng(0)
    outputs: Tensor = model(inputs)
    return outputs


def describe_state(model: nn.Module) -> dict[str, str]:
    """Return the shape of each entry of a network's state; raises RunError if one cannot be stored."""
    import torch

    state = model.state_dict()
    try:
        split_state(state)
    except TypeError as error:
        hint = "Let get_extra_state return tensors, text, numbers, and lists and dicts of these."
        raise RunError("storing the network's state", str(error), hint) from error
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and (value.layout != torch.strided or value.is_quantized):
            kind = "quantized" if value.is_quantized else str(value.layout).removeprefix("torch.")
            hint = "Keep it dense, or register the buffer with persistent=False."
            problem = f"{name} is {kind}, and files hold dense tensors"
            raise RunError("storing the network's state", problem, hint)
    return {
        name: str(tuple(value.shape)) if isinstance(value, torch.Tensor) else "extra"
        for name, value in state.items()
    }


def check_state(before: Mapping[str, str], model: nn.Module, doing: str) -> None:
    """Check that a network's state has the same entries, of the same shapes, as before.

    Args:
        before: What `describe_state` returned.
        model: The network.
        doing: What happened since, for the message.

    Raises:
        RunError: An entry was added, removed or reshaped.
    """
    after = describe_state(model)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) == after.get(name):
            continue
        change = f"registers {name}" if name not in before else f"removes {name}"
        if name in before and name in after:
            change = f"changes the shape of {name} from {before[name]} to {after[name]}"
        hint = "Register all parameters and buffers in __init__, with their final shapes."
        raise RunError("storing the network's state", f"{doing} {change}", hint)
