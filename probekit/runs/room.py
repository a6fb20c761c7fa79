"""Room is the memory that a training step takes between its answers and its way back through them."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

from probekit.interfaces import Shape
from probekit.plans import size
from probekit.plans.job import Job
from probekit.runs import generators

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Full(Exception):
    """More is kept than was to be counted."""


def sufficient(job: Job, model: nn.Module, device: torch.device) -> None:
    """Refuse a step whose activations this machine cannot hold: its system would end the process unheard.

    A device other than the CPU says so itself, and a network that fails here fails in training, where it is
    told. Raises UsageError, which names a batch that fits where one does.
    """
    items = job.trainer.params.get("batch")
    if device.type != "cpu" or not isinstance(items, int):
        return
    limit, shape, first, each = size.memory(), job.probe.shape, 0, 0
    with generators.kept(), contextlib.suppress(Exception):
        first = kept(model, shape, 1, limit)
        if first * items > limit:  # tables are kept once, however many items there are
            each = first if first > limit else kept(model, shape, 2, limit) - first
    fits = 1 + (limit - first) // each if each else items
    smaller = f"Type --trainer '{job.trainer.name}(batch={fits})', or ask" if fits > 0 else "Ask"
    size.held(
        f"training {job.plan.spec.structure} on {job.plan.spec.probe}",
        {f"what a step of {items} items keeps": first + (items - 1) * each},
        hint=f"{smaller} for less.",
    )


def kept(model: nn.Module, shape: Shape, items: int, most: int) -> int:
    """Return the bytes that a network's answers to some items keep for the backward pass, on the CPU.

    Counted is each piece of memory once, weights left out, until it is more than `most`. A copy answers:
    what a network keeps of what it was asked stays as it was.
    """
    import torch

    model = copy.deepcopy(model)
    places = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    total = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal total
        if tensor.layout == torch.strided and (place := tensor.untyped_storage()).data_ptr() not in places:
            places.add(place.data_ptr())
            total += place.nbytes()
            if total > most:
                raise Full
        return tensor

    inputs = torch.zeros(items, shape.inputs, *shape.size)
    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with contextlib.suppress(Full), torch.enable_grad(), hooks:
        output = model(inputs)
        del output  # until here it holds what is counted, so that no place is taken twice
    return total
