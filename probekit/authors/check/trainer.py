"""Checks of a trainer: it ends, it learns, and it resumes exactly."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.authors.check.base import fail
from probekit.authors.check.fixtures import copy_state
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.catalog.registry import Registry
from probekit.plugin.interfaces import Row, Trainer
from probekit.storage.state import pack_state, unpack_state

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from probekit.catalog.part import Part

ITEMS, LENGTH = 64, 8
MAX_SECONDS = 120.0
"""A trainer that takes longer fails."""


@dataclass(frozen=True, slots=True)
class TrainerFixture:
    """A trainer with a task that takes a second: shift a sequence by one position.

    Attributes:
        part: the trainer with its parameters.
        registry: the installed components.
        request: the trainer as it was typed.
    """

    part: Part
    registry: Registry
    request: str

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
        self, model: Module, *, trainer: Trainer | None = None, state: Any = None, limit: int | None = None
    ) -> list[Row]:
        """Train a model and return the progress events, at most `limit` of them."""
        import torch

        events: list[Row] = []
        start = time.monotonic()
        trainer = trainer or self.make_trainer()
        model.train()
        probe, data, device = ShiftProbe(), ShiftDataset(), torch.device("cpu")
        for row in trainer.fit(model, probe, data, seed=0, device=device, state=state):  # type: ignore[arg-type]
            events.append(dict(row))
            if len(events) == limit:
                break
            if time.monotonic() - start > MAX_SECONDS:
                fail(
                    f"it has not ended after {MAX_SECONDS:.0f} s",
                    "Check it with a short recipe, for example mine(epochs=1).",
                )
        return events


class ShiftDataset:
    """Random sequences; the target is the input shifted by one position."""

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        import torch

        sequences = torch.randn(ITEMS, 1, LENGTH, generator=torch.Generator().manual_seed(0))
        return [(sequences[index], sequences[index].roll(1, -1)) for index in indices]


class ShiftProbe:
    """The part of a probe that a trainer needs: its loss."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean squared error."""
        return (output - target).square().mean()


def it_ends(fixture: TrainerFixture) -> None:
    """It yields rows of numbers with step, steps and loss; step increases, and ends at steps."""
    rows = fixture.fit(fixture.build_model())
    if not rows:
        fail("it yields no row", "Yield a row from time to time, and one after the last step.")
    missing = {"step", "steps", "loss"} - set(rows[-1])
    if missing:
        fail(f"its rows lack {', '.join(sorted(missing))}", "Yield {'step': 1, 'steps': 10, 'loss': 0.5}.")
    steps = [row["step"] for row in rows]
    if steps != sorted(set(steps)) or steps[-1] != rows[-1]["steps"]:
        fail(f"its rows are at steps {steps} of {rows[-1]['steps']}", "Increase step until it equals steps.")


def weights_change_and_the_loss_falls(fixture: TrainerFixture) -> None:
    """After training, the weights have changed and the loss is lower than before."""
    import torch

    model = fixture.build_model()
    initial_state = copy_state(model)
    items = ShiftDataset().__getitems__(range(ITEMS))
    inputs, targets = (torch.stack(column) for column in zip(*items, strict=True))
    with torch.no_grad():
        initial_loss = float(ShiftProbe().loss(model(inputs), targets))
    fixture.fit(model)
    if all(torch.equal(initial_state[name], value) for name, value in model.state_dict().items()):
        fail("training does not change the weights", "Step an optimizer over model.parameters().")
    with torch.no_grad():
        final_loss = float(ShiftProbe().loss(model(inputs), targets))
    if not final_loss < initial_loss:
        fail(
            f"the loss went from {initial_loss:.4f} to {final_loss:.4f}",
            "Lower the learning rate, or train longer.",
        )


def same_seed_gives_same_rows(fixture: TrainerFixture) -> None:
    """Two trainings with the same seed give equal rows and weights, even if torch's generator differs."""
    import torch

    first, second = fixture.build_model(), fixture.build_model()
    rows = fixture.fit(first)
    torch.rand(3)
    if rows != fixture.fit(second) or not has_equal_weights(first, second):
        fail(
            "the same seed gives different rows or weights",
            "Draw the order of items from torch.Generator().manual_seed(seed).",
        )


def resume_equals_no_interruption(fixture: TrainerFixture) -> None:
    """Interrupted between two rows and resumed, it gives the same rows and weights as in one go."""
    import torch

    complete, interrupted = fixture.build_model(), fixture.build_model()
    rows = fixture.fit(complete)
    if len(rows) < 2:
        fail("it yields only one row, so it cannot be interrupted", "Yield a row from time to time.")
    trainer = fixture.make_trainer()
    first_rows = fixture.fit(interrupted, trainer=trainer, limit=len(rows) // 2)
    try:
        tensors, skeleton = pack_state(dict(trainer.state_dict()), "state")
    except TypeError as error:
        fail(
            f"its state_dict cannot be stored: {error}",
            "Return tensors, text, numbers, and lists and dicts of these.",
        )
    stored = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    weights = copy_state(interrupted)
    torch.rand(3)
    resumed = fixture.build_model()
    resumed.load_state_dict(weights)
    last_rows = fixture.fit(resumed, state=unpack_state(skeleton, stored))
    if first_rows + last_rows != rows or not has_equal_weights(complete, resumed):
        fail(
            "resumed, it gives different rows or weights",
            "Keep step, the optimizer's state and torch.get_rng_state() in state_dict, and load them in fit.",
        )


def has_equal_weights(first: Module, second: Module) -> bool:
    """Tell whether two networks have the same weights, bit for bit."""
    import torch

    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(first_weight, second_weight) for first_weight, second_weight in pairs)


TRAINER_CHECKS = (
    it_ends,
    weights_change_and_the_loss_falls,
    same_seed_gives_same_rows,
    resume_equals_no_interruption,
    plugin_imports_no_torch,
)
