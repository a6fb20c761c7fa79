"""The memory of a training step: the activations that are saved between forward and backward pass."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

from probekit.plans import limits
from probekit.plans.job import Job
from probekit.plugin.interfaces import Shape
from probekit.runs import rng

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class LimitReached(Exception):
    """The saved activations exceed the limit; counting stops."""


def check_training_memory(job: Job, model: nn.Module, device: torch.device) -> None:
    """Check that this machine can hold a training step's activations; else the OS would kill the process.

    Only the CPU is checked: other devices report the lack themselves. A network that fails here fails in
    training, where the error is reported.

    Raises:
        UsageError: The activations exceed the memory; names a batch that fits, if there is one.
    """
    items = job.trainer.params.get("batch")
    if device.type != "cpu" or not isinstance(items, int):
        return
    limit, shape, first, per_item = limits.available_memory(), job.probe.shape, 0, 0
    with rng.preserve_rng(), contextlib.suppress(Exception):
        first = saved_activation_bytes(model, shape, 1, limit)
        if first * items > limit:  # tables are saved once, however many items there are
            per_item = first if first > limit else saved_activation_bytes(model, shape, 2, limit) - first
    batch = 1 + (limit - first) // per_item if per_item else items
    smaller = f"Type --trainer '{job.trainer.name}(batch={batch})', or ask" if batch > 0 else "Ask"
    limits.check_memory(
        f"training {job.plan.spec.structure} on {job.plan.spec.probe}",
        {f"the activations of a step of {items} items": first + (items - 1) * per_item},
        hint=f"{smaller} for less.",
    )


def saved_activation_bytes(model: nn.Module, shape: Shape, items: int, limit: int) -> int:
    """Return the bytes that a network saves for the backward pass of some items, on the CPU.

    Each storage counts once, weights are left out, and counting stops above the limit. A copy of the
    network runs, so that its caches do not change.
    """
    import torch

    model = copy.deepcopy(model)
    pointers = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    total = 0

    def count_bytes(tensor: Tensor) -> Tensor:
        nonlocal total
        if tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in pointers:
                pointers.add(storage.data_ptr())
                total += storage.nbytes()
                if total > limit:
                    raise LimitReached
        return tensor

    inputs = torch.zeros(items, shape.inputs, *shape.size)
    hooks = torch.autograd.graph.saved_tensors_hooks(count_bytes, lambda tensor: tensor)
    with contextlib.suppress(LimitReached), torch.enable_grad(), hooks:
        output = model(inputs)
        del output  # it holds the counted storages until here, so that no address is reused
    return total
