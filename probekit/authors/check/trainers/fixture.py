"""Prepares a trainer for checks: it trains a small network on the kit's own probe, and watches its calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from probekit.authors.check.base import fail
from probekit.authors.check.fixture import Fixture
from probekit.authors.check.shift import ShiftProbe
from probekit.plugin.declarations import Shape
from probekit.plugin.interfaces import Row, Trainer
from probekit.runs.splits import make_trainer_view

if TYPE_CHECKING:
    from torch.nn import Module


SHAPE = Shape(1, 1, (8,))
MAX_SECONDS = 120.0
"""A trainer that takes longer fails."""


@dataclass(frozen=True, slots=True)
class TrainerFixture(Fixture):
    """A trainer with a task that takes a second: shift a sequence by one position."""

    def make_trainer(self) -> Trainer:
        """Make a new trainer."""
        trainer: Trainer = self.part.make()
        return trainer

    def exercise(self) -> None:
        """Make the trainer, without training: that may take as long as its recipe says."""
        self.make_trainer()

    def build_model(self) -> Module:
        """Build a small network, always with the same weights."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        return nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.GELU(), nn.Conv1d(4, 1, 3, padding=1))

    def fit(
        self,
        model: Module,
        *,
        trainer: Trainer | None = None,
        state: Any = None,
        limit: int | None = None,
        seed: int = 0,
    ) -> list[Row]:
        """Train a model and return the progress events, at most `limit` of them."""
        import torch

        events: list[Row] = []
        start = time.monotonic()
        trainer = trainer or self.make_trainer()
        model.train()
        shift, device = ShiftProbe(SHAPE), torch.device("cpu")
        data, probe = shift.data("train", 0), make_trainer_view(shift)
        for row in trainer.fit(model, probe, data, seed=seed, device=device, state=state):
            events.append(dict(row))
            if len(events) == limit:
                break
            if time.monotonic() - start > MAX_SECONDS:
                fail(
                    f"it has not ended after {MAX_SECONDS:.0f} s",
                    "Check it with a short recipe, for example mine(epochs=1).",
                )
        return events


class Call(NamedTuple):
    """One call of a network: whether it trains, whether it has a gradient, and how many items it is given."""

    training: bool
    has_gradient: bool
    items: int


def watch_calls(model: Module) -> list[Call]:
    """Return a list that will hold every call of a network."""
    calls: list[Call] = []
    model[0].register_forward_pre_hook(partial(note_call, calls))  # type: ignore[index]
    return calls


def note_call(calls: list[Call], module: Module, inputs: tuple[Any, ...]) -> None:
    """Note one call; a function of this module, as trainers may pickle the network."""
    import torch

    calls.append(Call(module.training, torch.is_grad_enabled(), len(inputs[0])))
