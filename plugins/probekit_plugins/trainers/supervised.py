"""The supervised trainer: AdamW (Loshchilov and Hutter, ICLR 2019), a warm-up and a cosine decay."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import nn

from probekit.interfaces import Dataset, Probe, Row
from probekit.items import batch

LOG = logging.getLogger(__name__)
ROWS = 200
LONGEST = 10


class Supervised:
    """Minimise the probe's loss over its training split.

    epochs: passes over the split; an incomplete last batch is left out. batch: items; of a split
    that has fewer all are one batch, which is logged as a warning. lr: the highest rate,
    reached after the share `warmup` of all steps, then a cosine to zero. weight_decay: of AdamW, on weights
    of two or more dimensions. clip: the gradients' greatest norm. bf16: autocast to bfloat16. compile:
    torch.compile the network. Batch order is a function of (seed, epoch). A row every ten steps at most:
    step, steps, epoch, loss (mean since the row before), lr.
    """

    def __init__(
        self,
        *,
        epochs: PositiveInt = 10,
        batch: PositiveInt = 32,
        lr: PositiveFloat = 2e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: Annotated[float, Field(ge=0, le=1)] = 0.1,
        clip: PositiveFloat = 1.0,
        bf16: bool = False,
        compile: bool = False,
    ) -> None:
        self.epochs, self.batch, self.lr, self.weight_decay = epochs, batch, lr, weight_decay
        self.warmup, self.clip, self.bf16, self.compile = warmup, clip, bf16, compile
        self.step = 0
        self.optimiser: torch.optim.AdamW | None = None

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, as a share of the highest."""
        rise = max(1, round(self.warmup * steps))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

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
        """Train, yielding a row now and then; goes on from `state` where it is given."""
        size = min(self.batch, len(data))
        if size < self.batch:
            said = "supervised(batch=%d): the training split has %d items, so a batch holds %d"
            LOG.warning(said, self.batch, size, size)
        each = len(data) // size
        steps = self.epochs * each
        every = max(1, min(LONGEST, steps // ROWS))
        weights = list(model.parameters())
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in weights if weight.ndim > 1]},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        fused = not any(weight.is_complex() for weight in weights)  # the fused step refuses complex weights
        optimiser = torch.optim.AdamW(groups, lr=self.lr, weight_decay=self.weight_decay, fused=fused)
        self.optimiser, self.step = optimiser, 0
        if state is not None:
            self.load(state)
        run = torch.compile(model) if self.compile else model
        order: list[int] = []
        seen, total = 0, torch.zeros((), device=device)
        for step in range(self.step, steps):
            epoch, place = divmod(step, each)
            if place == 0 or not order:
                order = self.shuffled(len(data), seed, epoch)
            items = batch(data, order[place * size : (place + 1) * size])
            inputs, targets = (column.to(device, non_blocking=True) for column in items)
            rate = self.lr * self.rate(step, steps)
            for group in optimiser.param_groups:
                group["lr"] = rate
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                loss = probe.loss(run(inputs), targets)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, self.clip)
            optimiser.step()
            total += loss.detach()
            seen += 1
            self.step = step + 1
            if self.step % every == 0 or self.step == steps:
                mean = total.item() / seen
                seen, total = 0, torch.zeros((), device=device)
                yield {"step": self.step, "steps": steps, "epoch": epoch, "loss": mean, "lr": rate}

    @staticmethod
    def shuffled(length: int, seed: int, epoch: int) -> list[int]:
        """Return the order of an epoch."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(length, generator=generator).tolist()
        return order

    def state_dict(self) -> dict[str, Any]:
        """Return step, the optimiser's moments by the number of the parameter, and torch's generators."""
        assert self.optimiser is not None
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        moments = self.optimiser.state_dict()["state"]
        return {
            "step": self.step,
            "moments": {str(number): kept for number, kept in moments.items()},
            "generators": [torch.get_rng_state(), *cuda],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what state_dict gave."""
        assert self.optimiser is not None
        self.step = int(state["step"])
        moments = {int(number): kept for number, kept in state["moments"].items()}
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        own, *cuda = state["generators"]
        torch.set_rng_state(own)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
