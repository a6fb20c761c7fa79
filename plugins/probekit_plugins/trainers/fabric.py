"""The fabric trainer: one run on more than one device, each with its part of every batch."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from probekit.plugin.errors import RunError, UsageError, describe_error
from probekit.plugin.interfaces import Dataset, Probe, Row
from probekit.plugin.steps import is_watched, report_step
from probekit.plugin.stop import Stopped
from probekit.workers import is_flushing_denormals
from probekit_plugins.trainers.message import NEXT, STATE, STEP, pack_value
from probekit_plugins.trainers.ranks import Ranks
from probekit_plugins.trainers.supervised import Supervised


class Fabric(Supervised):
    """`supervised` in `devices` processes by lightning-fabric, whose gradients are averaged (DDP).

    Each process takes an equal part of the recipe's batch, so that only the order in which numbers are added
    differs. With CUDA each process has its own device; without, gloo joins them on the CPU. Checkpoints store
    the random generators of the first process only. A process that dies or fails ends the run with an error
    that names it. A signal is for the run, not for one of its processes.

    Args:
        devices: processes.
        precision: "32-true", or autocast to "bf16-mixed" or "16-mixed".
        epochs: as in `Supervised`, and so all others.

    Raises:
        UsageError: lightning-fabric is not installed; in `fit`, the devices do not divide the batch.
        RunError: in `fit`, a process fails.
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
        self.ranks: Ranks | None = None
        self.last_state: dict[str, Any] = {}

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
            request = f"fabric(devices={self.devices}) with batches of {size}"
            hint = f"Type batch={self.devices * -(-size // self.devices)}."
            raise UsageError(request, "the devices do not divide the batch", hint)
        part = {
            "recipe": self.recipe,
            "devices": self.devices,
            "precision": self.precision,
            "flush": is_flushing_denormals(),
            "watched": is_watched(),
            "port": find_free_port(),
            "model": model,
            "probe": probe,
            "data": data,
            "seed": seed,
            "state": state,
        }
        try:
            packed = pack_value(part)
        except Exception as error:
            raise RunError(
                "sending a run to processes",
                f"it cannot be pickled ({describe_error(error)})",
                "Use supervised.",
            ) from error
        del part
        ranks = Ranks(self.devices, packed)
        self.model, self.ranks = model, ranks
        try:
            while (row := self.receive_from_rank()) is not None:
                yield row
                ranks.send_to_rank(0, NEXT)
            self.state_dict()  # for the caller, who may want it afterwards
            ranks.finish_ranks()
        except GeneratorExit:
            with contextlib.suppress(RunError, Stopped):  # a rank may have died, a stop is raised already
                self.state_dict()
            raise
        finally:
            self.ranks = None
            ranks.kill_ranks()

    def receive_from_rank(self) -> Any:
        """Return the next row or state of the first rank, and report its steps to those who listen."""
        assert self.ranks is not None
        while True:
            _, kind, value = self.ranks.receive_next()
            if kind != STEP:
                return value
            if is_watched():
                report_step(*value)

    def state_dict(self) -> dict[str, Any]:
        """Load the first rank's weights into this process's model, and return its state.

        Once the rank has ended, its last state.
        """
        if self.ranks is not None and self.model is not None:
            self.ranks.send_to_rank(0, STATE)
            weights, self.last_state = self.receive_from_rank()
            self.model.load_state_dict(weights)
        return self.last_state


def find_free_port() -> int:
    """Return a port of this machine that no process uses."""
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        port: int = probe_socket.getsockname()[1]
        return port
