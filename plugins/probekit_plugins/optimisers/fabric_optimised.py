"""The trainer fabric-optimised: the processes of `fabric` with an installed optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from probekit_plugins.trainers.fabric import Fabric


class FabricOptimised(Fabric):
    """Minimise a loss as `fabric` does, with an optimiser of any plugin.

    Each process has its own optimiser, which gets the same gradients as the others. It is a trainer of its
    own, because stored runs of `fabric` keep their identity.

    Args:
        build_optimiser: as in `Optimised`.
        optimiser: a component of the kind optimiser, such as "sgd" or "sgd(momentum=0.8)".
        devices: processes.
        precision: as in `Fabric`.
        epochs: as in `Supervised`, and so all others.

    Raises:
        UsageError: lightning-fabric is not installed; in `fit`, the devices do not divide the batch.
        RunError: in `fit`, a process fails.
    """

    def __init__(
        self,
        *,
        build_optimiser: Callable[..., torch.optim.Optimizer],
        optimiser: str = "sgd",
        devices: PositiveInt = 2,
        precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true",
        epochs: PositiveInt = 10,
        batch: PositiveInt = 32,
        lr: PositiveFloat = 2e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.1,
        clip: PositiveFloat = 1.0,
        loss: Literal["probe", "squared", "huber"] = "probe",
    ) -> None:
        recipe: dict[str, Any] = {
            "epochs": epochs,
            "batch": batch,
            "lr": lr,
            "weight_decay": weight_decay,
            "warmup": warmup,
            "clip": clip,
            "loss": loss,
        }
        super().__init__(devices=devices, precision=precision, **recipe)
        self.recipe = {"build_optimiser": build_optimiser, **recipe}
