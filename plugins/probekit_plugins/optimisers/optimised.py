"""The trainer optimised: the loop of `supervised` with an installed optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from probekit.plugin.interfaces import Dataset, Probe, Row
from probekit_plugins.trainers.optimisers import Optimisers
from probekit_plugins.trainers.supervised import Supervised


class Optimised(Supervised):
    """Minimise a loss as `supervised` does, with an optimiser of any plugin.

    It is a trainer of its own, because stored runs of `supervised` replay only while its code is the same.

    Args:
        build_optimiser: builds the optimiser from groups of weights, `lr` and `weight_decay`.
        optimiser: a component of the kind optimiser, such as "sgd" or "sgd(momentum=0.8)". It is listed by
            `probekit list optimiser`.
        epochs: as in `Supervised`, and so all others.
    """

    def __init__(
        self,
        *,
        build_optimiser: Callable[..., torch.optim.Optimizer],
        optimiser: str = "sgd",
        epochs: PositiveInt = 10,
        batch: PositiveInt = 32,
        lr: PositiveFloat = 2e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.1,
        clip: PositiveFloat = 1.0,
        loss: Literal["probe", "squared", "huber"] = "probe",
        bf16: bool | None = None,
        compile: bool | None = None,
    ) -> None:
        self.build_optimiser = build_optimiser
        super().__init__(
            epochs=epochs,
            batch=batch,
            lr=lr,
            weight_decay=weight_decay,
            warmup=warmup,
            clip=clip,
            loss=loss,
            bf16=bf16,
            compile=compile,
        )

    @property
    def optimisers(self) -> Optimisers | None:
        """What takes the steps; `supervised` sets it when it starts to train."""
        return self._optimisers

    @optimisers.setter
    def optimisers(self, optimisers: Optimisers | None) -> None:
        if optimisers is not None:
            ((adamw, lr),) = optimisers.optimisers_and_lrs
            groups = [
                {"params": group["params"], "weight_decay": group["weight_decay"]}
                for group in adamw.param_groups
                if group["params"]
            ]
            hosted = self.build_optimiser(groups, lr=lr, weight_decay=self.weight_decay)
            optimisers.optimisers_and_lrs = [(hosted, lr)]
        self._optimisers = optimisers

    @property
    def hosted(self) -> Any:
        """The optimiser of the plugin."""
        assert self.optimisers is not None
        return self.optimisers.optimisers_and_lrs[0][0]

    def lr_scale(self, step: int, steps: int) -> float:
        """Return the learning rate as a share of the highest; it stays there if the optimiser says so."""
        if getattr(self.hosted, "keeps_lr", False):
            return min(1.0, (step + 1) / max(1, round(self.warmup * steps)))
        return super().lr_scale(step, steps)

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
        """Train, yielding rows, and let the optimiser set the final weights if it has a method `finish`."""
        yield from super().fit(model, probe, data, seed=seed, device=device, state=state)
        if hasattr(self.hosted, "finish"):
            with torch.no_grad():
                self.hosted.finish()
