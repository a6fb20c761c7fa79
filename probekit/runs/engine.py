"""The engine performs a plan: it seeds, trains, checkpoints, scores and stores."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING

from probekit.catalog.expression import part, resolve
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, RunError, StoreError, reason
from probekit.interfaces import Dataset, Probe, Row, Trainer
from probekit.plans.plan import Plan, strangers
from probekit.runs.cases import picture
from probekit.runs.machine import environment
from probekit.runs.measure import measure
from probekit.runs.score import floors, intervals, means, score
from probekit.runs.splits import splits
from probekit.storage import checkpoint
from probekit.storage.checkpoint import Reached
from probekit.storage.curve import logged, spike
from probekit.storage.result import Result
from probekit.storage.store import Folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

SCORES, WEIGHTS, MEASURED = "scores.safetensors", "weights.safetensors", "measured.safetensors"
CASES, TRACE = "cases.png", "traceback.txt"
FIRST = 0.3
"""Seconds of training before the first checkpoint."""
SHARE = 0.01
"""The most of the time that checkpoints may take from then on."""

Watch = Callable[[str, Row], None]


def perform(
    plan: Plan, folder: Folder, registry: Registry, device: torch.device, watch: Watch | None = None
) -> Result:
    """Do what the plan says in the folder, going on from its checkpoint if there is one, and store the
    result.

    watch: called with what is being done ("prepare", "train", "score") and a row for it. A run that fails is
    stored as failed, with its traceback beside it, and returned. Ctrl-C is no different from a kill: the same
    plan goes on from the last checkpoint. Raises StoreError where the disk refuses.
    """
    registry.notify("probekit_run_started", plan=plan)
    try:
        result = _perform(plan, folder, registry, device, watch or (lambda stage, row: None))
    except StoreError:
        raise
    except Exception as error:
        folder.write(TRACE, traceback.format_exc().encode())
        said = str(error) if isinstance(error, ProbekitError) else f"{reason(error)}."
        said = f"{said} {strangers(plan)}".strip()
        result = Result(plan=plan, status="failed", environment=environment(device), error=said)
    folder.write_result(result)
    if result.status == "done":
        checkpoint.remove(folder)
    registry.notify("probekit_run_finished", result=result)
    return result


def _perform(plan: Plan, folder: Folder, registry: Registry, device: torch.device, tell: Watch) -> Result:
    data = splits(plan, registry)
    probe, train, test = data.probe, data.train, data.test
    model = build(plan, registry, probe, device)
    flops = forward_flops(model, probe, device)
    data.draw(tell)
    reached = train_model(plan, folder, registry, probe, model, train, device, tell)
    model.eval()
    held = data.validation
    scored: list[dict[str, Tensor]] = []
    for split, count in ((test, len(test)), (train, min(len(test), len(train))), (held, len(held))):
        tell("score", {"step": len(scored), "steps": 4})
        scored.append(score(model, probe, split, count, device))
    items, own, chosen_by = scored
    tell("score", {"step": 3, "steps": 4})
    measured, maps = measure(model, probe, test, device)
    tell("score", {"step": 4, "steps": 4})
    metrics, training = means(items), means(own)
    for metric in probe.metrics:
        here, there = metrics[metric.name], training[metric.name]
        if metric.gap:
            metrics[metric.gap] = None if here is None or there is None else here - there
    state = model.state_dict()
    title = f"{plan.spec.structure} on {plan.spec.probe}, {plan.scale}, seed {plan.seed}"
    files = {
        WEIGHTS: folder.write_tensors(WEIGHTS, state),
        SCORES: folder.write_tensors(SCORES, items),
        MEASURED: folder.write_tensors(MEASURED, maps),
        CASES: folder.write(CASES, picture(title, model, probe, test, items[probe.metrics[0].name], device)),
    }
    return Result(
        plan=plan,
        status="done",
        metrics=metrics,
        train=training,
        validation=means(chosen_by),
        measured=measured,
        controls=data.controls,
        floors=floors(probe, data.controls),
        ceiling=data.ceiling,
        intervals=intervals(items),
        spike=spike(logged(folder)),
        steps=reached.steps,
        seconds=reached.seconds,
        flops=flops,
        weights=weights_hash(state),
        environment=environment(device),
        files=files,
    )


def build(plan: Plan, registry: Registry, probe: Probe, device: torch.device) -> nn.Module:
    """Build the plan's network from its seed, on the device, in channels-last where its maps are 2-D."""
    import torch

    torch.manual_seed(plan.seed)
    model = resolve(plan.structure, probe.structure, registry).build(probe.shape, plan.width).to(device)
    if len(probe.shape.size) == 2:
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.ndim == 4:  # Module.to would refuse a network that holds one of five dimensions
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model


def forward_flops(model: nn.Module, probe: Probe, device: torch.device) -> int:
    """Count the floating-point operations of one item's forward pass, by torch's own counter.

    Raises RunError where the network's output has another shape than the probe asks for.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    shape = probe.shape
    counter = FlopCounterMode(display=False)
    model.eval()  # a zero must not move running means
    with counter, torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, device=device))
    wanted = (1, shape.outputs, *shape.size)
    found = tuple(output.shape) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
    if found != wanted:
        raise RunError("the network's output", f"it is {found}, and the probe asks for {wanted}")
    return int(counter.get_total_flops())


def train_model(
    plan: Plan,
    folder: Folder,
    registry: Registry,
    probe: Probe,
    model: nn.Module,
    data: Dataset,
    device: torch.device,
    tell: Watch,
) -> Reached:
    """Train, or go on from the checkpoint; return what was reached over all sittings."""
    trainer: Trainer = part("trainer", parse_term(plan.trainer), registry).make()
    here = environment(device)
    before = checkpoint.restore(folder, model, here)
    steps, rows = before.steps, before.rows
    start = saved = time.monotonic()
    pause = FIRST

    def save() -> Reached:
        reached = Reached(steps, rows, before.seconds + time.monotonic() - start)
        checkpoint.save(folder, model, trainer, reached, here)
        return reached

    model.train()
    for row in trainer.fit(model, probe, data, seed=plan.seed, device=device, state=before.trainer):
        steps = int(row.get("step", steps + 1))
        if not all(isfinite(value) for value in row.values()):
            raise RunError("training", f"the loss is not finite at step {steps}", "Lower the rate.")
        folder.append(row)
        rows += 1
        registry.notify("probekit_run_progress", plan=plan, row=row)
        tell("train", row)
        now = time.monotonic()
        if now - saved > pause:
            save()
            saved = time.monotonic()
            pause = (saved - now) / SHARE
    return save()


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 over names, types and bytes of the weights."""
    import torch

    whole = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
