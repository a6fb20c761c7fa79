"""A part is what one rank does of a training: its items of every batch, and its share of the gradients."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

from probekit.auxiliary import auxiliary_loss, collect_auxiliary_losses
from probekit.interfaces import Dataset, Probe
from probekit.steps import FIRST, listen, stop_listening
from probekit_plugins.trainers.message import ROW, STATE, STEP, pack, receive, send
from probekit_plugins.trainers.supervised import Supervised


class Part(Supervised):
    """What one process does: its part of every batch, with gradients averaged over all."""

    def __init__(self, fabric: Any, **recipe: Any) -> None:
        super().__init__(**recipe, bf16=False, compile=False)
        self.fabric = fabric

    def wrapped(self, model: nn.Module, device: torch.device) -> nn.Module:
        return Rehanding(self.fabric.setup_module(Handing(model)))

    def share(self, indices: Sequence[int]) -> Sequence[int]:
        return indices[self.fabric.global_rank :: self.fabric.world_size]

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def mean(self, total: Tensor) -> Tensor:
        found: Tensor = self.fabric.all_reduce(total, reduce_op="mean")
        return found


class Handing(nn.Module):
    """A network whose auxiliary losses are part of its answer, so that DDP sees what they depend on."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        with collect_auxiliary_losses(self) as auxiliary:
            answer: Tensor = self.model(x)
        return (answer, *auxiliary.losses)


class Rehanding(nn.Module):
    """A network that answers as usual, and adds the auxiliary losses of one that hands them over."""

    def __init__(self, handing: nn.Module) -> None:
        super().__init__()
        self.handing = handing

    def forward(self, x: Tensor) -> Tensor:
        answer, *losses = self.handing(x)
        for loss in losses:
            auxiliary_loss(loss)
        found: Tensor = answer
        return found


def train(
    number: int,
    pipe: Connection,
    *,
    recipe: Mapping[str, Any],
    devices: int,
    precision: Any,
    flush: bool,
    watched: bool,
    port: int,
    model: nn.Module,
    probe: Probe,
    data: Dataset,
    seed: int,
    state: Mapping[str, Any] | None,
) -> None:
    """Train in one of several processes; the first tells steps and rows, and states when it is asked."""
    from lightning_fabric import Fabric as Joined
    from lightning_fabric.strategies.ddp import DDPStrategy

    torch.set_flush_denormal(flush)  # first of all: its threads start as it is
    joined = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    os.environ.update({**joined, "LOCAL_RANK": str(number), "WORLD_SIZE": str(devices)})
    torch.manual_seed(seed)
    strategy = DDPStrategy(find_unused_parameters=True)
    accelerator = "cuda" if torch.cuda.device_count() >= devices else "cpu"
    fabric = Joined(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)
    fabric.launch()
    trainer = Part(fabric, **recipe)
    model.train()
    first = pipe if number == 0 else None
    with tell_steps(first) if watched else contextlib.nullcontext():
        for row in trainer.fit(model, probe, data, seed=seed, device=fabric.device, state=state):
            if first is not None:
                send(first, ROW, pack(row))
                answer(first, model, trainer)
    if first is not None:
        send(first, ROW)
        answer(first, model, trainer)


@contextlib.contextmanager
def tell_steps(pipe: Connection | None) -> Iterator[None]:
    """Tell the parent the first steps; each rank takes part, as the loss is the mean over all of them."""
    told = 0

    def tell(loss: float, gradients: dict[str, float], buffers: dict[str, float]) -> None:
        nonlocal told
        told += 1
        if pipe is not None:
            send(pipe, STEP, pack((loss, gradients, buffers)))
        if told == FIRST:
            stop_listening()

    with listen(tell):
        yield


def answer(pipe: Connection, model: nn.Module, trainer: Supervised) -> None:
    """Send states until the next row is asked for."""
    while receive(pipe)[0] == STATE:
        weights = {
            name: value.cpu() if isinstance(value, Tensor) else value
            for name, value in model.state_dict().items()
        }
        send(pipe, STATE, pack((weights, trainer.state_dict())))
