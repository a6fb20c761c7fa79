"""A solver that adds up all values of the item, each with a fixed weight."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.solver import Solver
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

MAX_INPUTS, MAX_OUTPUTS = 2048, 16_384
"""Greatest numbers of input and target values of an item."""
RIDGE = 0.01
"""Weight of the penalty, relative to the number of items."""


class LinearReadout(Solver):
    """Regresses the answer of each position on all values of the item; it finds a faint pattern in noise."""

    name = "linear regression on the item"
    lacks = "It adds up values with fixed weights, and compares none with another."
    against = ("any property",)
    light = True

    def fit(self, train: View) -> None:
        import torch

        outputs = prod(train.targets.shape[1:])
        inputs = prod(train.inputs.shape[1:])
        if inputs > MAX_INPUTS or outputs > MAX_OUTPUTS:
            raise NotApplicable(
                f"an item has more than {MAX_INPUTS:,} input or {MAX_OUTPUTS:,} target values"
            )
        values = train.inputs.flatten(1)
        self.mean, self.spread = values.mean(0), values.std(0, correction=0).clamp(min=1e-9)
        terms = self.scale(train)
        targets = (train.targets * train.scored[:, None]).flatten(1)
        self.offset = targets.mean(0)
        penalty = RIDGE * len(train) * torch.eye(inputs)
        self.weights: Tensor = torch.linalg.solve(
            terms.T @ terms + penalty, terms.T @ (targets - self.offset)
        )

    def scale(self, view: View) -> Tensor:
        """Return the values of each item with mean 0 and spread 1, (items, values)."""
        return (view.inputs.flatten(1) - self.mean) / self.spread

    def predict(self, view: View) -> Tensor:
        output = (self.scale(view) @ self.weights + self.offset).view(view.targets.shape)
        answers: Tensor = output.movedim(1, -1)[view.rows]
        return answers.argmax(1) if view.form.classes else answers
