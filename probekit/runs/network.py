"""Networks: built from a seed, checked before training, stored and loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit.catalog.expression import Expression
from probekit.plans.job import Job
from probekit.plans.plan import Plan
from probekit.plugin.interfaces import Shape
from probekit.runs import rng
from probekit.storage.checksum import copy_plain
from probekit.storage.folder import WEIGHTS, Folder
from probekit.storage.result import Result
from probekit.storage.state import pack_state, unpack_state

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

EXTRA = "extra"
"""The key of a network's state that is not tensors, in a file of weights."""


def build_network(expression: Expression, shape: Shape, plan: Plan, device: torch.device) -> nn.Module:
    """Build the plan's network from its seed on the device, 2-D convolutions in channels-last."""
    import torch

    rng.seed_rng(plan.seed)
    model = expression.build(shape, plan.width).to(device)
    if len(shape.size) == 2:
        for module in model.modules():  # Module.to would refuse a network with 5-D weights
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def restore_network(
    expression: Expression,
    shape: Shape,
    plan: Plan,
    state: Mapping[str, Any],
    device: torch.device | None = None,
) -> nn.Module:
    """Return the plan's network with a stored state, in eval mode; on the CPU by default."""
    import torch

    model = build_network(expression, shape, plan, device or torch.device("cpu"))
    model.load_state_dict(state)
    return model.eval()


def load_trained(job: Job, folder: Folder, result: Result | None, device: torch.device) -> nn.Module:
    """Build a run's network, load the weights in its folder, and return it in eval mode.

    Args:
        job: The run; its plan gives seed and width.
        folder: The folder with the weights.
        result: The result that holds the weights' sha256; None to check the file's own checksum.
        device: The device of the network.

    Raises:
        StoreError: The weights are not as they were stored.
        RuntimeError: The new network has another state than the stored one.
    """
    state = join_state(*folder.read_tensors(WEIGHTS, result))
    return restore_network(job.expression, job.probe.shape, job.plan, state, device)


def split_state(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a network's state by name, and JSON with the rest of the state.

    Raises:
        TypeError: A value is neither a tensor nor JSON.
    """
    import torch

    plain = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    rest = {name: value for name, value in state.items() if name not in plain}
    tensors, packed = pack_state(rest, EXTRA)
    return {**plain, **tensors}, ({EXTRA: packed} if rest else {})


def join_state(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that `split_state` took apart."""
    plain = {name: value for name, value in tensors.items() if not name.startswith(f"{EXTRA}/")}
    return {**plain, **unpack_state(about.get(EXTRA, {}), tensors)}


def hash_weights(state: Mapping[str, Any]) -> str:
    """Return the sha256 of the names, types and bytes of the weights, and of the rest of the state."""
    import torch

    sha256 = hashlib.sha256()
    tensors, about = split_state(state)
    for name, tensor in sorted(tensors.items()):
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha256.update(copy_plain(tensor).view(-1).view(torch.uint8).numpy().tobytes())
    if about:
        sha256.update(json.dumps(about, sort_keys=True).encode())
    return sha256.hexdigest()
