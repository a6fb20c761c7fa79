"""A network is built from its seed, and its operations are counted before it is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from probekit.catalog.expression import Expression
from probekit.errors import RunError
from probekit.interfaces import Shape
from probekit.plans.plan import Plan

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def build(expression: Expression, shape: Shape, plan: Plan, device: torch.device) -> nn.Module:
    """Build the plan's network from its seed, on the device, in channels-last where its maps are 2-D."""
    import torch

    torch.manual_seed(plan.seed)
    model = expression.build(shape, plan.width).to(device)
    if len(shape.size) == 2:
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.ndim == 4:  # Module.to would refuse a network that holds one of five dimensions
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model


def forward_flops(model: nn.Module, shape: Shape, device: torch.device) -> int:
    """Count the floating-point operations of one item's forward pass, by torch's own counter.

    Raises RunError where the network's output has another shape than the probe asks for.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    model.eval()  # a zero must not move running means
    with counter, torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, device=device))
    wanted = (1, shape.outputs, *shape.size)
    found = tuple(output.shape) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
    if found != wanted:
        raise RunError("the network's output", f"it is {found}, and the probe asks for {wanted}")
    return int(counter.get_total_flops())


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 over names, types and bytes of the weights."""
    import torch

    whole = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
