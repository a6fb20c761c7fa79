"""A network is built from its seed, and looked at before it is trained."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit.catalog.expression import Expression
from probekit.errors import RunError
from probekit.interfaces import Shape
from probekit.plans.job import Job
from probekit.plans.plan import Plan
from probekit.runs import generators
from probekit.scores.score import held
from probekit.storage.folder import WEIGHTS, Folder
from probekit.storage.result import Result
from probekit.storage.sealed import plain_tensor
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


def trained(
    expression: Expression,
    shape: Shape,
    plan: Plan,
    state: Mapping[str, Any],
    device: torch.device | None = None,
) -> nn.Module:
    """Return the plan's network with the state that it was left in, in eval mode; on the CPU by default."""
    import torch

    model = build(expression, shape, plan, device or torch.device("cpu"))
    model.load_state_dict(state)
    return model.eval()


def load_trained(job: Job, folder: Folder, result: Result | None, device: torch.device) -> nn.Module:
    """Build a run's network anew, load the weights that its folder holds, and return it in eval mode.

    Args:
        job: the run; its plan gives seed and width.
        folder: where the weights are.
        result: what says how they were stored; None for what their own digest says.
        device: where the network is to be.

    Raises:
        StoreError: the weights are not as they were stored.
        RuntimeError: the network that is built has another state than the one that was stored.
    """
    state = together(*folder.read_tensors(WEIGHTS, result))
    return trained(job.expression, job.probe.shape, job.plan, state, device)


def compare_answers(stored: Tensor, now: Tensor, relative: float) -> str:
    """Return in words where two networks answer the same items differently; "" where they do not.

    relative: the tolerance, as a share of the largest number in the answers.
    """
    if stored.shape != now.shape:
        return f"answers of shape {tuple(stored.shape)} stored, {tuple(now.shape)} now"
    apart = (stored.double() - now.double()).abs()
    if not apart.numel() or float(apart.max()) <= relative * float(stored.double().abs().max()):
        return ""
    place = int(apart.argmax())
    item = place // max(1, apart[0].numel())
    before, after = (float(outputs.flatten()[place]) for outputs in (stored, now))
    return f"an answer to test item {item}: {before:.4g} stored, {after:.4g} now"


def check(model: nn.Module, shape: Shape, device: torch.device) -> None:
    """Look at a network before it is trained.

    Raises RunError where its state cannot be stored, where it answers in another shape than the probe asks
    for, and where answering changes what its state consists of: it could then not be loaded again.
    """
    import torch

    before = describe_state(model)
    model.eval()  # a zero must not move running means
    with torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, dtype=torch.float32, device=device))
    held(output, [(1, shape.outputs, *shape.size)])
    hold_state(before, model, "its first forward")
    trial = None
    with generators.kept(), torch.no_grad(), contextlib.suppress(Exception):  # training says what is wrong
        twin = copy.deepcopy(model).train()
        twin(torch.zeros(2, shape.inputs, *shape.size, device=device))
        trial = twin
    if trial is not None:
        hold_state(before, trial, "a forward in training")


def describe_state(model: nn.Module) -> dict[str, str]:
    """Return the shape of each entry of a network's state; raises RunError for one that cannot be stored."""
    import torch

    state = model.state_dict()
    try:
        apart(state)
    except TypeError as error:
        hint = "Let get_extra_state return tensors, text, numbers, and lists and dicts of these."
        raise RunError("storing the network's state", str(error), hint) from error
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and (value.layout != torch.strided or value.is_quantized):
            kind = "quantized" if value.is_quantized else str(value.layout).removeprefix("torch.")
            hint = "Keep it dense, or register the buffer with persistent=False."
            raise RunError("storing the network's state", f"{name} is {kind}, and files hold dense", hint)
    return {
        name: str(tuple(value.shape)) if isinstance(value, torch.Tensor) else "extra"
        for name, value in state.items()
    }


def hold_state(before: Mapping[str, str], model: nn.Module, doing: str) -> None:
    """Raise RunError where a network's state has other entries than before, or entries of other shapes."""
    after = describe_state(model)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) == after.get(name):
            continue
        change = f"registers {name}" if name not in before else f"removes {name}"
        if name in before and name in after:
            change = f"changes the shape of {name} from {before[name]} to {after[name]}"
        hint = "Register all parameters and buffers in __init__, with their final shapes."
        raise RunError("storing the network's state", f"{doing} {change}", hint)


def unstored_state(trained: nn.Module, loaded: nn.Module) -> list[str]:
    """Return the names of attributes and buffers that differ though both have the same state_dict."""
    import torch

    names = []
    for (path, one), (_, other) in zip(trained.named_modules(), loaded.named_modules(), strict=False):
        plain = {name for name in vars(one) if not name.startswith("_") and name != "training"}
        for name in sorted(plain | one._non_persistent_buffers_set):
            value, twin = getattr(one, name, None), getattr(other, name, None)
            if isinstance(value, torch.Tensor) and isinstance(twin, torch.Tensor):
                same = value.shape == twin.shape and bool((value == twin).all())
            elif isinstance(value, str | int | float | complex | tuple | list | dict | type(None)):
                same = repr(value) == repr(twin)
            else:
                continue
            if not same:
                names.append(f"{path}.{name}".lstrip("."))
    return names


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
        whole.update(plain_tensor(tensor).view(-1).view(torch.uint8).numpy().tobytes())
    if about:
        whole.update(json.dumps(about, sort_keys=True).encode())
    return whole.hexdigest()
