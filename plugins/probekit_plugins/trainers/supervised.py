"""The supervised trainer: AdamW or Muon, a warm-up and a cosine decay."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.auxiliary import collect_auxiliary_losses
from probekit.errors import UsageError
from probekit.interfaces import Dataset, Probe, Row
from probekit.items import batch, resident
from probekit.steps import FIRST, is_watched, watch_step
from probekit_plugins.trainers.muon import muon
from probekit_plugins.trainers.names import NAMES, name_weights
from probekit_plugins.trainers.optimisers import Optimisers, matrices

LOG = logging.getLogger(__name__)
ROWS = 200
LONGEST = 10
BEND = 0.1
"""The error from which `huber` is linear: about a level of depth, and a tenth of the targets' range."""


class Supervised:
    """Minimise a loss over the probe's training split.

    epochs: passes over the split; an incomplete last batch is left out. batch: items; of a split that
    has fewer all are one batch, which is logged as a warning. optimiser: "adamw", or
    "muon" for hidden matrices and AdamW for the rest (see `Optimisers`). lr: AdamW's highest rate, reached
    after the share `warmup` of all steps, then a cosine to zero. matrix_lr: Muon's, which follows the same
    course. weight_decay: of weights of two or more dimensions. clip: the gradients' greatest norm. average:
    decay of an exponential average of the weights, which takes their place after the last step; 0 keeps the
    last weights. Buffers are not averaged. loss: "probe", the probe's own; "squared", its mean squared error;
    "huber", linear beyond 0.1 (Huber 1964), both for probes that regress. bf16: autocast to bfloat16.
    compile: torch.compile the network. Both by default on CUDA alone, where nothing waits for the device but
    a row, and where kernels add in no fixed order: there a run that was stopped ends with other last bits.
    Batch order is a function of (seed, epoch). A row for each of the first three steps, then one every ten
    steps at most: step, steps, epoch, items (seen so far), loss (mean since the row before), lr. Raises
    UsageError for Muon where torch has none, and in `fit` for a loss that the probe does not take.
    """

    version = 1

    def __init__(
        self,
        *,
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
        bf16: bool | None = None,
        compile: bool | None = None,
    ) -> None:
        if optimiser == "muon":
            muon([torch.zeros(1, 1)], lr=matrix_lr, weight_decay=weight_decay)
        self.epochs, self.batch, self.optimiser = epochs, batch, optimiser
        self.lr, self.matrix_lr, self.weight_decay = lr, matrix_lr, weight_decay
        self.warmup, self.clip, self.average, self.loss = warmup, clip, average, loss
        self.bf16, self.compile = bf16, compile
        self.step = 0
        self.names: list[str] = []
        self.averages: dict[str, Tensor] = {}
        self.optimisers: Optimisers | None = None

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
        measure = probe.loss if self.loss == "probe" else regression(self.loss, probe, data)
        run = self.wrapped(model, device)
        bf16 = device.type == "cuda" if self.bf16 is None else self.bf16
        named = name_weights(model, state)
        weights: list[Tensor] = list(named.values())
        hidden: list[str] = []
        if self.optimiser == "muon":  # its head is the last of a list, whose order may be another here
            hidden = matrices(model, named) if state is None else state["hidden"]
        self.optimisers = Optimisers(
            named, hidden, lr=self.lr, matrix_lr=self.matrix_lr, weight_decay=self.weight_decay
        )
        optimisers, self.step, self.names = self.optimisers, 0, list(named)
        self.averages = {name: one.detach().clone() for name, one in named.items()} if self.average else {}
        if state is not None:
            self.load(state)
        data, order = resident(data, device), list[int]()
        seen, total = 0, torch.zeros((), device=device)
        for step in range(self.step, steps):
            epoch, place = divmod(step, each)
            if place == 0 or not order:
                order = self.shuffled(len(data), seed, epoch)
            items = batch(data, self.share(order[place * size : (place + 1) * size]))
            inputs, targets = (column.to(device, non_blocking=True) for column in items)
            share = self.rate(step, steps)
            model.zero_grad()  # before the forward pass: a layer may add to gradients of its own there
            autocast = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
            with autocast, collect_auxiliary_losses(model) as auxiliary:
                loss = measure(run(inputs), targets)
            loss = auxiliary.add_to(loss)
            self.backward(loss)
            if is_watched():
                watch_step(model, self.mean(loss.detach()))
            nn.utils.clip_grad_norm_(weights, self.clip)
            optimisers.step(share)
            self.step = step + 1
            if self.average:
                self.follow(weights, last=self.step == steps)
            total += loss.detach()
            seen += 1
            if self.step % every == 0 or self.step == steps or self.step <= FIRST:
                mean = self.mean(total).item() / seen
                seen, total = 0, torch.zeros((), device=device)
                rate = self.lr * share
                at = {"step": self.step, "steps": steps, "epoch": epoch, "items": self.step * size}
                yield {**at, "loss": mean, "lr": rate}

    def wrapped(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return what is called in the model's place; its weights are the model's."""
        chosen = device.type == "cuda" if self.compile is None else self.compile
        return cast("nn.Module", torch.compile(model)) if chosen else model

    def share(self, indices: Sequence[int]) -> Sequence[int]:
        """Return which items of a batch this process takes."""
        return indices

    def backward(self, loss: Tensor) -> None:
        """Find the gradients of a loss."""
        loss.backward()  # type: ignore[no-untyped-call]

    def mean(self, total: Tensor) -> Tensor:
        """Return a sum of losses as it is over the whole batch."""
        return total

    def follow(self, weights: list[Tensor], last: bool) -> None:
        """Move the averages towards the weights; after the last step put them in the weights' place."""
        # however long the average, the first weights are soon forgotten: of t steps the last t / 9 count
        decay = min(self.average, self.step / (self.step + 9))
        with torch.no_grad():
            averages = list(self.averages.values())
            torch._foreach_lerp_(averages, weights, 1 - decay)
            if last:
                torch._foreach_copy_(weights, averages)

    @staticmethod
    def shuffled(length: int, seed: int, epoch: int) -> list[int]:
        """Return the order of an epoch."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(length, generator=generator).tolist()
        return order

    def state_dict(self) -> dict[str, Any]:
        """Return step, moments and averages by the parameters' names, and torch's generators."""
        assert self.optimisers is not None
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "step": self.step,
            NAMES: self.names,
            "hidden": self.optimisers.hidden,
            "moments": self.optimisers.state_dict(),
            "averages": self.averages,
            "generators": [torch.get_rng_state(), *cuda],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what state_dict gave."""
        assert self.optimisers is not None
        self.step = int(state["step"])
        self.optimisers.load_state_dict(state["moments"])
        for name, average in self.averages.items():
            average.copy_(state["averages"][name])
        own, *cuda = state["generators"]
        torch.set_rng_state(own)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def regression(name: str, probe: Probe, data: Dataset) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the training loss of this name, a mean over all numbers of a batch, for a probe that regresses.

    A probe regresses where outputs are in the form of targets (it has no `answer`), and its own loss of the
    truth, put in place of the output, is zero, as that of logits never is. Raises UsageError of others.
    """
    _, truth = batch(data, range(1))
    if hasattr(probe, "answer") or float(probe.loss(truth, truth)) != 0:
        raise UsageError(
            f"supervised(loss={name})",
            f"{type(probe).__name__} asks for classes, of which there is no such error",
            "Type loss=probe.",
        )
    if name == "squared":
        return functional.mse_loss
    return partial(functional.smooth_l1_loss, beta=BEND)
