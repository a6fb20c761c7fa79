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

from probekit.plugin.auxiliary import collect_auxiliary_losses
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Dataset, Probe, Row
from probekit.plugin.items import move_to_device, read_batch
from probekit.plugin.steps import FIRST_STEPS, is_watched, watch_step
from probekit_plugins.trainers.muon import build_muon
from probekit_plugins.trainers.names import NAMES, name_weights
from probekit_plugins.trainers.optimisers import Optimisers, list_hidden_matrices

LOG = logging.getLogger(__name__)
TARGET_ROWS = 200
MAX_ROW_STEPS = 10
HUBER_BETA = 0.1
"""The error from which `huber` is linear: about one level of depth, and a tenth of the targets' range."""


class Supervised:
    """Minimise a loss over the probe's training split.

    The learning rate rises linearly, then falls to zero as a cosine. Batch order is a function of (seed,
    epoch). There is a row for each of the first three steps, then one at least every ten steps: step, steps,
    epoch, items (seen so far), loss (mean since the last row), lr. On CUDA nothing waits for the device
    except a row, and kernels add in no fixed order, so that a resumed run ends with other last bits.

    Args:
        epochs: passes over the split; an incomplete last batch is left out.
        batch: items. If the split has fewer, all are one batch, and a warning is logged.
        optimiser: "adamw", or "muon" for hidden matrices and AdamW for the rest (see `Optimisers`).
        lr: AdamW's highest rate.
        matrix_lr: Muon's highest rate, with the same schedule.
        weight_decay: of weights of two or more dimensions.
        warmup: share of the steps after which the rate is highest.
        clip: the largest norm of the gradients.
        average: decay of an exponential moving average (EMA) of the weights, which replaces them after the
            last step; 0 keeps the last weights. Buffers are not averaged.
        loss: "probe", the probe's own; "squared", the mean squared error; "huber", linear beyond 0.1 (Huber
            1964). The last two are for probes that regress.
        bf16: autocast to bfloat16; by default only on CUDA.
        compile: use torch.compile; by default only on CUDA.

    Raises:
        UsageError: this torch has no Muon; in `fit`, the loss does not suit the probe.
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
            build_muon([torch.zeros(1, 1)], lr=matrix_lr, weight_decay=weight_decay)
        self.epochs, self.batch, self.optimiser = epochs, batch, optimiser
        self.lr, self.matrix_lr, self.weight_decay = lr, matrix_lr, weight_decay
        self.warmup, self.clip, self.ema_decay, self.loss = warmup, clip, average, loss
        self.bf16, self.compile = bf16, compile
        self.step = 0
        self.names: list[str] = []
        self.averages: dict[str, Tensor] = {}
        self.optimisers: Optimisers | None = None

    def lr_scale(self, step: int, steps: int) -> float:
        """Return the learning rate of a step as a share of the highest."""
        warmup_steps = max(1, round(self.warmup * steps))
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))

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
        """Train, yielding rows; go on from `state` if there is one."""
        size = min(self.batch, len(data))
        if size < self.batch:
            message = "supervised(batch=%d): the training split has %d items, so a batch has %d"
            LOG.warning(message, self.batch, size, size)
        epoch_steps = len(data) // size
        steps = self.epochs * epoch_steps
        row_steps = max(1, min(MAX_ROW_STEPS, steps // TARGET_ROWS))
        compute_loss = probe.loss if self.loss == "probe" else regression_loss(self.loss, probe, data)
        network = self.wrap_model(model, device)
        bf16 = device.type == "cuda" if self.bf16 is None else self.bf16
        by_name = name_weights(model, state)
        weights: list[Tensor] = list(by_name.values())
        hidden: list[str] = []
        if self.optimiser == "muon":  # its head is the last of a list, whose order may be another here
            hidden = list_hidden_matrices(model, by_name) if state is None else state["hidden"]
        self.optimisers = Optimisers(
            by_name, hidden, lr=self.lr, matrix_lr=self.matrix_lr, weight_decay=self.weight_decay
        )
        optimisers, self.step, self.names = self.optimisers, 0, list(by_name)
        copies = {name: weight.detach().clone() for name, weight in by_name.items()} if self.ema_decay else {}
        self.averages = copies
        if state is not None:
            self.load_state(state)
        data, order = move_to_device(data, device), list[int]()
        batches, total = 0, torch.zeros((), device=device)
        for step in range(self.step, steps):
            epoch, number = divmod(step, epoch_steps)
            if number == 0 or not order:
                order = self.shuffle_indices(len(data), seed, epoch)
            items = read_batch(data, self.local_indices(order[number * size : (number + 1) * size]))
            inputs, targets = (column.to(device, non_blocking=True) for column in items)
            lr_scale = self.lr_scale(step, steps)
            model.zero_grad()  # before the forward pass: a layer may add to gradients of its own there
            autocast = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
            with autocast, collect_auxiliary_losses(model) as auxiliary:
                loss = compute_loss(network(inputs), targets)
            loss = auxiliary.add_to(loss)
            self.backward(loss)
            if is_watched():
                watch_step(model, self.average_loss(loss.detach()))
            nn.utils.clip_grad_norm_(weights, self.clip)
            optimisers.step(lr_scale)
            self.step = step + 1
            if self.ema_decay:
                self.update_ema(weights, is_last=self.step == steps)
            total += loss.detach()
            batches += 1
            if self.step % row_steps == 0 or self.step == steps or self.step <= FIRST_STEPS:
                mean = self.average_loss(total).item() / batches
                batches, total = 0, torch.zeros((), device=device)
                lr = self.lr * lr_scale
                progress = {"step": self.step, "steps": steps, "epoch": epoch, "items": self.step * size}
                yield {**progress, "loss": mean, "lr": lr}

    def wrap_model(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return the network to call instead of the model; its weights are the model's."""
        compiles = device.type == "cuda" if self.compile is None else self.compile
        return cast("nn.Module", torch.compile(model)) if compiles else model

    def local_indices(self, indices: Sequence[int]) -> Sequence[int]:
        """Return the indices of a batch's items that this process takes."""
        return indices

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss."""
        loss.backward()  # type: ignore[no-untyped-call]

    def average_loss(self, total: Tensor) -> Tensor:
        """Return the mean of a loss over all processes."""
        return total

    def update_ema(self, weights: list[Tensor], is_last: bool) -> None:
        """Move the averages towards the weights; after the last step copy them to the weights."""
        # however long the average, the first weights are soon forgotten: of t steps the last t / 9 count
        decay = min(self.ema_decay, self.step / (self.step + 9))
        with torch.no_grad():
            averages = list(self.averages.values())
            torch._foreach_lerp_(averages, weights, 1 - decay)
            if is_last:
                torch._foreach_copy_(weights, averages)

    @staticmethod
    def shuffle_indices(length: int, seed: int, epoch: int) -> list[int]:
        """Return the order of an epoch's items."""
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

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        assert self.optimisers is not None
        self.step = int(state["step"])
        self.optimisers.load_state_dict(state["moments"])
        for name, average in self.averages.items():
            average.copy_(state["averages"][name])
        cpu, *cuda = state["generators"]
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def regression_loss(name: str, probe: Probe, data: Dataset) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the training loss of this name, a mean over all numbers of a batch.

    A probe regresses where outputs have the form of targets (it has no `answer`), and the truth as output has
    a loss of zero, as logits never have.

    Raises:
        UsageError: the probe does not regress.
    """
    _, truth = read_batch(data, range(1))
    if hasattr(probe, "answer") or float(probe.loss(truth, truth)) != 0:
        raise UsageError(
            f"supervised(loss={name})",
            f"{type(probe).__name__} asks for classes, which have no such error",
            "Type loss=probe.",
        )
    if name == "squared":
        return functional.mse_loss
    return partial(functional.smooth_l1_loss, beta=HUBER_BETA)
