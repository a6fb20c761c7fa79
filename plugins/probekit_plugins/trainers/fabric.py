"""The fabric trainer: one run on several devices, each taking its part of every batch."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from probekit.catalog.denormals import flushing
from probekit.errors import RunError, UsageError, reason
from probekit.interfaces import Dataset, Probe, Row
from probekit.steps import is_watched, report_step
from probekit.stop import Stopped
from probekit_plugins.trainers.message import NEXT, STATE, STEP, pack
from probekit_plugins.trainers.ranks import Ranks
from probekit_plugins.trainers.supervised import Supervised


class Fabric(Supervised):
    """`supervised` in `devices` processes by lightning-fabric, whose gradients are averaged (DDP).

    The batch is the recipe's, of which each process takes an equal part, so that the run is the same but for
    the order in which numbers are added. precision: "32-true", or autocast to "bf16-mixed" or "16-mixed". All
    else is `supervised`'s. Where there is CUDA each process has a device of its own, else gloo joins them on
    the CPU. Generators of processes but the first are not kept in checkpoints. A process that dies or fails
    ends the run, which says which one it was; a signal is for the run, not for one of its processes. Raises
    UsageError where lightning-fabric is not installed, and in `fit` where the batch cannot be shared out;
    RunError where a process fails.
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
        part = {
            "recipe": self.recipe,
            "devices": self.devices,
            "precision": self.precision,
            "flush": flushing(),
            "watched": is_watched(),
            "port": free_port(),
            "model": model,
            "probe": probe,
            "data": data,
            "seed": seed,
            "state": state,
        }
        try:
            packed = pack(part)
        except Exception as error:
            raise RunError(
                "sending a run to processes", f"it cannot be pickled ({reason(error)})", "Use supervised."
            ) from error
        del part
        ranks = Ranks(self.devices, packed)
        self.model, self.ranks = model, ranks
        try:
            while (row := self.hear()) is not None:
                yield row
                ranks.tell(0, NEXT)
            self.state_dict()  # what the caller asks for afterwards
            ranks.close()
        except GeneratorExit:
            with contextlib.suppress(RunError, Stopped):  # a rank may have died, a stop was raised already
                self.state_dict()
            raise
        finally:
            self.ranks = None
            ranks.kill()

    def hear(self) -> Any:
        """Return the next row or state that the first rank says; a step goes to who watches."""
        assert self.ranks is not None
        while True:
            _, kind, said = self.ranks.hear()
            if kind != STEP:
                return said
            if is_watched():
                report_step(*said)

    def state_dict(self) -> dict[str, Any]:
        """Return the first rank's state, having brought its weights into the model of this process; once it
        has ended, its last."""
        if self.ranks is not None and self.model is not None:
            self.ranks.tell(0, STATE)
            weights, self.last = self.hear()
            self.model.load_state_dict(weights)
        return self.last


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
