"""A network is built from its seed, and looked at before it is trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit.catalog.expression import Expression
from probekit.errors import RunError
from probekit.interfaces import Shape
from probekit.plans.plan import Plan
from probekit.runs import generators
from probekit.scores.score import held
from probekit.storage.state import pack, unpack

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

EXTRA = "extra"
"""Where what is no tensor stands in a file of weights."""


def build(expression: Expression, shape: Shape, plan: Plan, device: torch.device) -> nn.Module:
    """Build the plan's network from its seed, on the device, 2-D convolutions in channels-last."""
    import torch

    generators.seed(plan.seed)
    model = expression.build(shape, plan.width).to(device)
    if len(shape.size) == 2:
        for module in model.modules():  # Module.to would refuse a network that holds one of five dimensions
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def trained(expression: Expression, shape: Shape, plan: Plan, state: Mapping[str, Any]) -> nn.Module:
    """Return the plan's network with the state that it was left in, on the CPU and in eval mode."""
    import torch

    model = build(expression, shape, plan, torch.device("cpu"))
    model.load_state_dict(state)
    return model.eval()


def check(model: nn.Module, shape: Shape, device: torch.device) -> None:
    """Look at a network before it is trained.

    Raises RunError where its state cannot be stored, or where it answers in another shape than the probe asks
    for.
    """
    import torch

    try:
        apart(model.state_dict())
    except TypeError as error:
        hint = "Let get_extra_state return tensors, text, numbers, and lists and dicts of these."
        raise RunError("storing the network's state", str(error), hint) from error
    model.eval()  # a zero must not move running means
    with torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, dtype=torch.float32, device=device))
    held(output, [(1, shape.outputs, *shape.size)])


def apart(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a network's state by name, and JSON about what else there is in it.

    Raises TypeError for what is neither a tensor nor JSON.
    """
    import torch

    plain = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    other = {name: value for name, value in state.items() if name not in plain}
    tensors, rest = pack(other, EXTRA)
    return {**plain, **tensors}, ({EXTRA: rest} if other else {})


def together(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that `apart` took apart."""
    plain = {name: value for name, value in tensors.items() if not name.startswith(f"{EXTRA}/")}
    return {**plain, **unpack(about.get(EXTRA, {}), tensors)}


def weights_hash(state: Mapping[str, Any]) -> str:
    """Return the sha256 over names, types and bytes of the weights, and what else the state holds."""
    import torch

    whole = hashlib.sha256()
    tensors, about = apart(state)
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    if about:
        whole.update(json.dumps(about, sort_keys=True).encode())
    return whole.hexdigest()
