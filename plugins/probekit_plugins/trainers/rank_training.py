"""The training of one rank: its items of every batch, and its share of the gradients."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

from probekit.plugin.auxiliary import auxiliary_loss, collect_auxiliary_losses
from probekit.plugin.interfaces import Dataset, Probe
from probekit.plugin.steps import FIRST_STEPS, listen_to_steps, stop_listening
from probekit_plugins.optimisers.optimised import Optimised
from probekit_plugins.trainers.message import ROW, STATE, STEP, pack_value, receive_message, send_message
from probekit_plugins.trainers.supervised import Supervised


class RankTrainer(Supervised):
    """The trainer of one process: its part of every batch, with gradients averaged over all ranks."""

    def __init__(self, fabric: Any, **recipe: Any) -> None:
        super().__init__(**recipe, bf16=False, compile=False)
        self.fabric = fabric

    def wrap_model(self, model: nn.Module, device: torch.device) -> nn.Module:
        return AuxiliaryCollector(self.fabric.setup_module(AuxiliaryOutputs(model)))

    def local_indices(self, indices: Sequence[int]) -> Sequence[int]:
        return indices[self.fabric.global_rank :: self.fabric.world_size]

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def average_loss(self, total: Tensor) -> Tensor:
        mean: Tensor = self.fabric.all_reduce(total, reduce_op="mean")
        return mean


class OptimisedRankTrainer(RankTrainer, Optimised):
    """The same with an installed optimiser; each rank has its own."""


class AuxiliaryOutputs(nn.Module):
    """A network that returns its auxiliary losses with its output, so that DDP sees what they depend on."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        with collect_auxiliary_losses(self) as auxiliary:
            output: Tensor = self.model(x)
        return (output, *auxiliary.losses)


class AuxiliaryCollector(nn.Module):
    """A network that returns the output of `AuxiliaryOutputs`, and adds its auxiliary losses."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor
        output, *losses = self.network(x)
        for loss in losses:
            auxiliary_loss(loss)
        return output


def train_rank(
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
    """Train in one of the processes; the first sends steps, rows, and states on request.

    Args:
        number: of the rank.
        pipe: to the parent.
        recipe: parameters of `Supervised`, or of `Optimised` with `build_optimiser`.
        devices: how many ranks there are.
        precision: of lightning-fabric.
        flush: whether the parent flushes denormal numbers to zero.
        watched: whether the parent listens to steps.
        port: of this machine, at which the ranks meet.
        model: as in `Trainer.fit`, and so all others.
        probe: of the run.
        data: the training split.
        seed: of the run.
        state: to go on from.
    """
    from lightning_fabric import Fabric as LightningFabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    torch.set_flush_denormal(flush)  # first of all: its threads start as it is
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    os.environ.update({**address, "LOCAL_RANK": str(number), "WORLD_SIZE": str(devices)})
    torch.manual_seed(seed)
    strategy = DDPStrategy(find_unused_parameters=True)
    accelerator = "cuda" if torch.cuda.device_count() >= devices else "cpu"
    fabric = LightningFabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)
    fabric.launch()
    trainer_class = OptimisedRankTrainer if "build_optimiser" in recipe else RankTrainer
    trainer = trainer_class(fabric, **recipe)
    model.train()
    first_pipe = pipe if number == 0 else None
    with report_steps(first_pipe) if watched else contextlib.nullcontext():
        for row in trainer.fit(model, probe, data, seed=seed, device=fabric.device, state=state):
            if first_pipe is not None:
                send_message(first_pipe, ROW, pack_value(row))
                send_states(first_pipe, model, trainer)
    if first_pipe is not None:
        send_message(first_pipe, ROW)
        send_states(first_pipe, model, trainer)


@contextlib.contextmanager
def report_steps(pipe: Connection | None) -> Iterator[None]:
    """Send the first steps to the parent; each rank takes part, as the loss is the mean over all of them."""
    reported = 0

    def report(loss: float, gradients: dict[str, float], buffers: dict[str, float]) -> None:
        nonlocal reported
        reported += 1
        if pipe is not None:
            send_message(pipe, STEP, pack_value((loss, gradients, buffers)))
        if reported == FIRST_STEPS:
            stop_listening()

    with listen_to_steps(report):
        yield


def send_states(pipe: Connection, model: nn.Module, trainer: Supervised) -> None:
    """Send states until the parent asks for the next row."""
    while receive_message(pipe)[0] == STATE:
        weights = {
            name: value.cpu() if isinstance(value, Tensor) else value
            for name, value in model.state_dict().items()
        }
        send_message(pipe, STATE, pack_value((weights, trainer.state_dict())))
