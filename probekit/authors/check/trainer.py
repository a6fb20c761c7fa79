"""What a trainer promises: it ends, it learns, and it goes on as if it had never stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.authors.check.bench import state
from probekit.authors.check.kit import fail
from probekit.authors.check.parts import imports_nothing_heavy
from probekit.catalog.registry import Registry
from probekit.interfaces import Row, Trainer
from probekit.storage.state import pack, unpack

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from probekit.catalog.part import Part

ITEMS, LENGTH = 64, 8
LONGEST = 30.0
"""Seconds after which a trainer is held not to end."""


@dataclass(frozen=True, slots=True)
class TrainerBench:
    """A trainer, and something to learn in a second: the input moved by one place."""

    part: Part
    registry: Registry
    asked: str

    def trainer(self) -> Trainer:
        """Make a trainer."""
        made: Trainer = self.part.make()
        return made

    def put_to_use(self) -> None:
        """Make the trainer; to train may take as long as its recipe says."""
        self.trainer()

    def model(self) -> Module:
        """Build a small network, the same each time."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        return nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.GELU(), nn.Conv1d(4, 1, 3, padding=1))

    def fit(
        self, model: Module, *, trainer: Trainer | None = None, state: Any = None, rows: int | None = None
    ) -> list[Row]:
        """Train and return the rows, the first so many if told so."""
        import torch

        found: list[Row] = []
        start = time.monotonic()
        trainer = trainer or self.trainer()
        model.train()
        for row in trainer.fit(model, Moved(), Moves(), seed=0, device=torch.device("cpu"), state=state):  # type: ignore[arg-type]
            found.append(dict(row))
            if len(found) == rows:
                break
            if time.monotonic() - start > LONGEST:
                fail(
                    f"it still trains after {LONGEST:.0f} s",
                    "Check it with a short recipe, as mine(epochs=1).",
                )
        return found


class Moves:
    """The items: random rows and the same moved by one place."""

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        import torch

        rows = torch.randn(ITEMS, 1, LENGTH, generator=torch.Generator().manual_seed(0))
        return [(rows[index], rows[index].roll(1, -1)) for index in indices]


class Moved:
    """As much of a probe as a trainer needs: the loss."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean squared error."""
        return (output - target).square().mean()


def it_ends(bench: TrainerBench) -> None:
    """It yields rows of numbers with step, steps and loss; steps rise, and the last is `steps`."""
    rows = bench.fit(bench.model())
    if not rows:
        fail("it yields no row", "Yield a row now and then, the last after the last step.")
    lacks = {"step", "steps", "loss"} - set(rows[-1])
    if lacks:
        fail(f"its rows have no {', '.join(sorted(lacks))}", "Yield {'step': 1, 'steps': 10, 'loss': 0.5}.")
    steps = [row["step"] for row in rows]
    if steps != sorted(set(steps)) or steps[-1] != rows[-1]["steps"]:
        fail(f"its rows are at steps {steps} of {rows[-1]['steps']}", "Let step rise to steps.")


def weights_change_and_the_loss_falls(bench: TrainerBench) -> None:
    """After training the weights are others, and the loss is lower than at first."""
    import torch

    model = bench.model()
    before = state(model)
    inputs, targets = (
        torch.stack(column) for column in zip(*Moves().__getitems__(range(ITEMS)), strict=True)
    )
    with torch.no_grad():
        first = float(Moved().loss(model(inputs), targets))
    bench.fit(model)
    if all(torch.equal(before[name], value) for name, value in model.state_dict().items()):
        fail("the weights are as they were", "Step an optimiser over model.parameters().")
    with torch.no_grad():
        last = float(Moved().loss(model(inputs), targets))
    if not last < first:
        fail(f"the loss went from {first:.4f} to {last:.4f}", "Lower the rate, or train for longer.")


def same_seed_gives_same_rows(bench: TrainerBench) -> None:
    """Twice from one seed the rows and the weights are equal, whatever else draws from torch's generator."""
    import torch

    one, other = bench.model(), bench.model()
    rows = bench.fit(one)
    torch.rand(3)
    if rows != bench.fit(other) or not equal(one, other):
        fail("one seed gives different rows", "Take the order from torch.Generator().manual_seed(seed).")


def resume_equals_no_interruption(bench: TrainerBench) -> None:
    """Stopped between two rows and gone on with, its rows and weights are those of one sitting."""
    import torch

    whole, broken = bench.model(), bench.model()
    rows = bench.fit(whole)
    if len(rows) < 2:
        fail("it yields one row, so that it cannot be stopped", "Yield a row now and then.")
    trainer = bench.trainer()
    first = bench.fit(broken, trainer=trainer, rows=len(rows) // 2)
    try:
        tensors, rest = pack(dict(trainer.state_dict()), "state")
    except TypeError as error:
        fail(f"its state cannot be stored: {error}", "Give tensors, text, numbers, lists and dicts of these.")
    kept = {
        name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    weights = state(broken)
    torch.rand(3)
    other = bench.model()
    other.load_state_dict(weights)
    if first + bench.fit(other, state=unpack(rest, kept)) != rows or not equal(whole, other):
        fail(
            "gone on with, it ends elsewhere",
            "Keep step, the optimiser's state and torch.get_rng_state() in state_dict, and load them in fit.",
        )


def equal(one: Module, other: Module) -> bool:
    """Tell whether two networks have the same weights, bit for bit."""
    import torch

    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(here, there) for here, there in pairs)


def plugin_imports_no_torch(bench: TrainerBench) -> None:
    """Opening its plugin imports neither torch nor numpy nor matplotlib, so that listing stays fast."""
    imports_nothing_heavy(bench.part.component, bench.registry)


TRAINER = (
    it_ends,
    weights_change_and_the_loss_falls,
    same_seed_gives_same_rows,
    resume_equals_no_interruption,
    plugin_imports_no_torch,
)
