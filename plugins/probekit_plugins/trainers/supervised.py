"""The supervised trainer: AdamW (Loshchilov and Hutter, ICLR 2019) on the probe's loss, with warm-up and cosine decay."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.data import default_collate

from probekit.interfaces import Probe, Row

ROWS = 200
LONGEST = 10


class Supervised:
    """Minimise the probe's loss over its training split.

    epochs: passes over the split; an incomplete last batch is left out. batch: items. lr: the highest rate,
    reached after the share `warmup` of all steps, then a cosine to zero. weight_decay: of AdamW, on weights
    of two or more dimensions. clip: the gradients' greatest norm. bf16: autocast to bfloat16. compile:
    torch.compile the network. Batch order is a function of (seed, epoch). A row every ten steps at most:
    step, steps, epoch, loss (mean since the row before), lr.
    """

    def __init__(
        self,
        *,
        epochs: int = 10,
        batch: int = 32,
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        clip: float = 1.0,
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
        *,
        seed: int,
        device: torch.device,
        state: Mapping[str, Any] | None = None,
    ) -> Iterator[Row]:
        """Train, yielding a row now and then; goes on from `state` where it is given."""
        data = probe.data("train", seed)
        batch = min(self.batch, len(data))
        each = len(data) // batch
        steps = self.epochs * each
        every = max(1, min(LONGEST, steps // ROWS))
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        self.step = 0
        if state is not None:
            self.load(state)
        run = torch.compile(model) if self.compile else model
        order: list[int] = []
        seen, total = 0, torch.zeros((), device=device)
        for step in range(self.step, steps):
            epoch, place = divmod(step, each)
            if place == 0 or not order:
                order = self.shuffled(len(data), seed, epoch)
            items = data.__getitems__(order[place * batch : (place + 1) * batch])
            inputs, targets = (column.to(device, non_blocking=True) for column in default_collate(items))
            for group in self.optimiser.param_groups:
                group["lr"] = self.lr * self.rate(step, steps)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                loss = probe.loss(run(inputs), targets)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            self.optimiser.step()
            total += loss.detach()
            seen += 1
            self.step = step + 1
            if self.step % every == 0 or self.step == steps:
                lr = self.optimiser.param_groups[0]["lr"]
                mean = total.item() / seen
                seen, total = 0, torch.zeros((), device=device)
                yield {"step": self.step, "steps": steps, "epoch": epoch, "loss": mean, "lr": lr}

    @staticmethod
    def shuffled(length: int, seed: int, epoch: int) -> list[int]:
        """Return the order of an epoch."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        return torch.randperm(length, generator=generator).tolist()

    def state_dict(self) -> dict[str, Any]:
        """Return step, the optimiser's moments in the order of its parameters, and torch's generators."""
        assert self.optimiser is not None
        moments = self.optimiser.state_dict()["state"]
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "step": self.step,
            "moments": [moments[index] for index in sorted(moments)],
            "generators": [torch.get_rng_state(), *cuda],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what state_dict gave."""
        assert self.optimiser is not None
        self.step = int(state["step"])
        whole = self.optimiser.state_dict()
        whole["state"] = dict(enumerate(state["moments"]))
        self.optimiser.load_state_dict(whole)
        own, *cuda = state["generators"]
        torch.set_rng_state(own)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
