"""The engine performs a plan: it seeds, trains, checkpoints, scores and stores."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from probekit.cases import picture
from probekit.errors import Interrupted, ProbekitError, RunError, StoreError, reason
from probekit.expression import part, resolve
from probekit.grammar import parse_term
from probekit.interfaces import Dataset, Probe, Row, Trainer
from probekit.plan import Plan
from probekit.registry import Registry
from probekit.result import Environment, Result
from probekit.score import floors, intervals, means, score
from probekit.state import pack, unpack
from probekit.store import CHECKPOINT, Folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

SCORES, WEIGHTS, CASES = "scores.safetensors", "weights.safetensors", "cases.png"
SHARE = 0.01

Watch = Callable[[str, Row], None]


def perform(
    plan: Plan, folder: Folder, registry: Registry, *, device: str | None = None, watch: Watch | None = None
) -> Result:
    """Do what the plan says in the folder, going on from its checkpoint if there is one, and store the result.

    watch: called with what is being done ("prepare", "train", "score") and a row for it. A run that fails is stored as
    failed and returned. Raises Interrupted on Ctrl-C, after the state has been saved, and StoreError where the disk
    refuses.
    """
    import torch

    where = torch.device(device or best_device())
    tell = watch or (lambda stage, row: None)
    with folder.locked():
        registry.notify("probekit_run_started", plan=plan)
        try:
            result = _perform(plan, folder, registry, where, tell)
        except (StoreError, Interrupted):
            raise
        except Exception as error:
            said = str(error) if isinstance(error, ProbekitError) else reason(error)
            result = Result(plan=plan, status="failed", environment=environment(where), error=said)
            folder.write_result(result)
            error.__traceback__ = None
        registry.notify("probekit_run_finished", result=result)
    return result


def _perform(plan: Plan, folder: Folder, registry: Registry, device: torch.device, tell: Watch) -> Result:
    probe: Probe = part("probe", parse_term(plan.probe), registry).make()
    model = build(plan, registry, probe, device)
    flops = forward_flops(model, probe, device)
    train, test = probe.data("train", plan.seed), probe.data("test", plan.seed)
    for name, split in (("train", train), ("test", test)):
        for drawn in materialised(split):
            tell("prepare", {"step": drawn, "steps": len(split), "test": float(name == "test")})
    steps, seconds = train_model(plan, folder, registry, probe, model, device, tell)
    tell("score", {"step": 0, "steps": 2})
    items = score(model, probe, test, len(test), device)
    tell("score", {"step": 1, "steps": 2})
    own = score(model, probe, train, min(len(test), len(train)), device)
    tell("score", {"step": 2, "steps": 2})
    metrics, training = means(items), means(own)
    for metric in probe.metrics:
        here, there = metrics[metric.name], training[metric.name]
        if metric.gap:
            metrics[metric.gap] = None if here is None or there is None else here - there
    state = model.state_dict()
    headline = probe.metrics[0]
    title = f"{plan.spec.structure} on {plan.spec.probe}, {plan.scale}, seed {plan.seed}"
    files = {
        WEIGHTS: folder.write_tensors(WEIGHTS, state),
        SCORES: folder.write_tensors(SCORES, items),
        CASES: folder.write(CASES, picture(title, model, test, items[headline.name], headline, device)),
    }
    result = Result(
        plan=plan,
        status="done",
        metrics=metrics,
        train=training,
        floors=floors(probe, train, test),
        intervals=intervals(items),
        steps=steps,
        seconds=seconds,
        flops=flops,
        weights=weights_hash(state),
        environment=environment(device),
        files=files,
    )
    folder.write_result(result)
    (folder.path / CHECKPOINT).unlink(missing_ok=True)
    return result


def best_device() -> str:
    """Return cuda or mps where there is one, else cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def environment(device: torch.device) -> Environment:
    """Return what this machine is."""
    from importlib.metadata import version

    import torch

    return Environment(
        probekit=version("probekit-nn"),
        torch=torch.__version__,
        python=platform.python_version(),
        device=device.type,
        threads=torch.get_num_threads(),
    )


def build(plan: Plan, registry: Registry, probe: Probe, device: torch.device) -> nn.Module:
    """Build the plan's network from its seed, on the device, in channels-last where its maps are 2-D."""
    import torch

    torch.manual_seed(plan.seed)
    model = resolve(plan.structure, probe.structure, registry).build(probe.shape, plan.width).to(device)
    return model.to(memory_format=torch.channels_last) if len(probe.shape.size) == 2 else model


def forward_flops(model: nn.Module, probe: Probe, device: torch.device) -> int:
    """Count the floating-point operations of one item's forward pass, by torch's own counter.

    Raises RunError where the network's output has another shape than the probe asks for.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    shape = probe.shape
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        output = model(torch.zeros(1, shape.inputs, *shape.size, device=device))
    wanted = (1, shape.outputs, *shape.size)
    if tuple(output.shape) != wanted:
        raise RunError(
            "building the network", f"its output is {tuple(output.shape)}, the probe asks for {wanted}"
        )
    return int(counter.get_total_flops())


def materialised(data: Dataset) -> Iterator[int]:
    """Draw a whole split, where it can be, yielding how many items are there."""
    draw = getattr(data, "materialise", None)
    return cast("Iterator[int]", draw() if draw else iter(()))


def train_model(
    plan: Plan,
    folder: Folder,
    registry: Registry,
    probe: Probe,
    model: nn.Module,
    device: torch.device,
    tell: Watch,
) -> tuple[int, float]:
    """Train, or go on from the checkpoint; return the steps taken and the seconds spent, over all sittings."""
    trainer: Trainer = part("trainer", parse_term(plan.trainer), registry).make()
    state, spent, logged = restore(folder, model, device)
    rows: list[Row] = []
    steps = 0
    start = saved = time.monotonic()
    pause = 0.0

    def save() -> None:
        nonlocal rows, logged
        folder.append(rows)
        logged, rows = logged + len(rows), []
        checkpoint(folder, model, trainer, spent + time.monotonic() - start, logged, device)

    def ended(how: str) -> Interrupted:
        return Interrupted(
            f"running {plan.spec.structure} on {plan.spec.probe}", how, "Type the same command to go on."
        )

    model.train()
    try:
        for row in trainer.fit(model, probe, seed=plan.seed, device=device, state=state):
            if not all(value == value and abs(value) != float("inf") for value in row.values()):
                raise RunError(
                    "training", f"the loss is not a number at step {row.get('step')}", "Lower the rate."
                )
            steps = int(row.get("step", steps + 1))
            rows.append(row)
            registry.notify("probekit_run_progress", plan=plan, row=row)
            tell("train", row)
            now = time.monotonic()
            if now - saved > pause:
                save()
                saved = time.monotonic()
                pause = (saved - now) / SHARE
    except KeyboardInterrupt:
        if rows:
            save()
        raise ended(f"stopped after {steps} steps, all saved") from None
    save()
    model.eval()
    return steps, spent + time.monotonic() - start


def restore(
    folder: Folder, model: nn.Module, device: torch.device
) -> tuple[Mapping[str, Any] | None, float, int]:
    """Load the checkpoint: the trainer's state, the seconds spent and the rows logged; start afresh where there is none.

    Raises StoreError where it is not whole, or where another environment made it: then what follows would not be the run
    that began.
    """
    if not (folder.path / CHECKPOINT).is_file():
        folder.cut_log(0)
        return None, 0.0, 0
    tensors, about = folder.read_tensors(CHECKPOINT)
    here = environment(device)
    if about["environment"] != here.model_dump():
        was = Environment(**about["environment"])
        changed = [
            f"{key} {getattr(was, key)} became {getattr(here, key)}"
            for key in Environment.model_fields
            if getattr(was, key) != getattr(here, key)
        ]
        raise StoreError(
            f"going on in {folder.path}",
            f"it was begun elsewhere ({', '.join(changed)})",
            "Go on there, or type --force to run anew beside it.",
        )
    model.load_state_dict(unpack(about["model"], tensors))
    folder.cut_log(about["rows"])
    return unpack(about["trainer"], tensors), about["seconds"], about["rows"]


def checkpoint(
    folder: Folder, model: nn.Module, trainer: Trainer, seconds: float, rows: int, device: torch.device
) -> None:
    """Write weights, the trainer's state and how far the log goes, all in one file, so that they always agree."""
    weights, model_state = pack(dict(model.state_dict()), "model")
    moments, trainer_state = pack(trainer.state_dict(), "trainer")
    about = {
        "model": model_state,
        "trainer": trainer_state,
        "seconds": seconds,
        "rows": rows,
        "environment": environment(device).model_dump(),
    }
    folder.write_tensors(CHECKPOINT, {**weights, **moments}, about)


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Return the sha256 over names, types and bytes of the weights."""
    import torch

    whole = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
