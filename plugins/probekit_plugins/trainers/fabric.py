"""The fabric trainer: one run on several devices, each taking its part of every batch."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes

from probekit.catalog.denormals import flushing
from probekit.errors import RunError, UsageError
from probekit.interfaces import Dataset, Probe, Row
from probekit_plugins.trainers.supervised import Supervised

NEXT, STATE = "next", "state"


class Fabric(Supervised):
    """`supervised` in `devices` processes by lightning-fabric, whose gradients are averaged (DDP).

    The batch is the recipe's, of which each process takes an equal part, so that the run is the same but for
    the order in which numbers are added. precision: "32-true", or autocast to "bf16-mixed" or "16-mixed". All
    else is `supervised`'s. Where there is CUDA each process has a device of its own, else gloo joins them on
    the CPU. Generators of processes but the first are not kept in checkpoints. Raises UsageError where
    lightning-fabric is not installed, and in `fit` where the batch cannot be shared out; RunError where a
    process fails.
    """

    def __init__(
        self,
        *,
        devices: PositiveInt = 2,
        precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true",
        epochs: PositiveInt = 10,
        batch: PositiveInt = 32,
        optimiser: Literal["adamw", "muon"] = "adamw",
        lr: PositiveFloat = 2e-3,
        matrix_lr: PositiveFloat = 2e-2,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.1,
        clip: PositiveFloat = 1.0,
        average: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        loss: Literal["probe", "squared", "huber"] = "probe",
    ) -> None:
        try:
            import lightning_fabric  # noqa: F401
        except ImportError as error:
            hint = "Type pip install 'probekit-nn[fabric]'."
            raise UsageError("the trainer fabric", "lightning-fabric is not installed", hint) from error
        recipe: dict[str, Any] = {
            "epochs": epochs,
            "batch": batch,
            "optimiser": optimiser,
            "lr": lr,
            "matrix_lr": matrix_lr,
            "weight_decay": weight_decay,
            "warmup": warmup,
            "clip": clip,
            "average": average,
            "loss": loss,
        }
        super().__init__(**recipe, bf16=False, compile=False)
        self.recipe, self.devices, self.precision = recipe, devices, precision
        self.model: nn.Module | None = None
        self.first: Connection | None = None
        self.last: dict[str, Any] = {}

    def fit(
        self,
        model: nn.Module,
        probe: Probe,
        data: Dataset,
        *,
        seed: int,
        device: torch.device,
        state: Mapping[str, Any] | None = None,
    ) -> Iterator[Row]:
        """Train, yielding the first process's rows."""
        size = min(self.batch, len(data))
        if size % self.devices:
            asked = f"fabric(devices={self.devices}) with batches of {size}"
            raise UsageError(
                asked, "they cannot be shared out", f"Type batch={self.devices * -(-size // self.devices)}."
            )
        context = torch.multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self.model, self.first = model, here
        joined = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "NODE_RANK": "0"}
        recipe = (self.recipe, self.devices, self.precision, flushing())
        given = (*recipe, model, probe, data, seed, state, joined, there)
        try:
            ranks = start_processes(  # type: ignore[no-untyped-call]
                rank, given, self.devices, join=False, start_method="spawn"
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise RunError(
                "sending a run to processes", f"it cannot be pickled ({error})", "Use supervised."
            ) from error
        there.close()
        try:
            while (row := self.heard()) is not None:
                yield row
                here.send(NEXT)
        finally:
            with contextlib.suppress(RunError, OSError):  # what the caller asks for afterwards
                self.state_dict()
            here.close()
            self.first = None
            for process in ranks.processes:
                process.terminate()
                process.join()

    def heard(self) -> Any:
        """Return what the first process says; raises RunError where it failed."""
        assert self.first is not None
        try:
            kind, said = self.first.recv()
        except EOFError as error:
            raise RunError(
                "training on several devices", "a process ended without a word", "See the memory."
            ) from error
        if kind == "failed":
            raise RunError(
                "training on several devices", said, "The same run with `supervised` may say more."
            )
        return said

    def state_dict(self) -> dict[str, Any]:
        """Return the first process's state, having brought its weights into the model of this process; once
        it has ended, its last."""
        if self.first is not None and self.model is not None:
            self.first.send(STATE)
            weights, self.last = self.heard()
            self.model.load_state_dict(weights)
        return self.last


class Part(Supervised):
    """What one process does: its part of every batch, with gradients averaged over all."""

    def __init__(self, fabric: Any, **recipe: Any) -> None:
        super().__init__(**recipe, bf16=False, compile=False)
        self.fabric = fabric

    def wrapped(self, model: nn.Module, device: torch.device) -> nn.Module:
        run: nn.Module = self.fabric.setup_module(model)
        return run

    def share(self, indices: Sequence[int]) -> Sequence[int]:
        return indices[self.fabric.global_rank :: self.fabric.world_size]

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def mean(self, total: Tensor) -> Tensor:
        found: Tensor = self.fabric.all_reduce(total, reduce_op="mean")
        return found


def rank(
    number: int,
    recipe: Mapping[str, Any],
    devices: int,
    precision: Any,
    flush: bool,
    model: nn.Module,
    probe: Probe,
    data: Dataset,
    seed: int,
    state: Mapping[str, Any] | None,
    joined: Mapping[str, str],
    told: Connection,
) -> None:
    """Train in one of several processes; the first tells rows, and states when it is asked for one."""
    from lightning_fabric import Fabric as Joined
    from lightning_fabric.strategies.ddp import DDPStrategy

    torch.set_flush_denormal(flush)  # first of all: its threads start as it is
    os.environ.update({**joined, "LOCAL_RANK": str(number), "WORLD_SIZE": str(devices)})
    # what is sent lies in memory that all processes share: each works on its own
    model, state = copy.deepcopy(model), copy.deepcopy(state)
    try:
        torch.manual_seed(seed)
        strategy = DDPStrategy(find_unused_parameters=True)
        accelerator = "cuda" if torch.cuda.device_count() >= devices else "cpu"
        fabric = Joined(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)
        fabric.launch()
        trainer = Part(fabric, **recipe)
        model.train()
        for row in trainer.fit(model, probe, data, seed=seed, device=fabric.device, state=state):
            if number == 0:
                told.send(("row", row))
                answer(told, model, trainer)
        if number == 0:
            told.send(("row", None))
            answer(told, model, trainer)
    except EOFError:  # who asked is gone
        return
    except Exception as error:
        if number == 0:
            told.send(("failed", f"{type(error).__name__}: {error}"))
        traceback.print_exc()


def answer(told: Connection, model: nn.Module, trainer: Supervised) -> None:
    """Send states until the next row is asked for."""
    while told.recv() == STATE:
        weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
        told.send(("state", (weights, trainer.state_dict())))


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
