"""The control of fill: a ball around the seed."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.interfaces import Dataset
from probekit.items import batch

MOST = 1024
"""Training items that choose the radius."""


def away(inputs: Tensor) -> Tensor:
    """Return how many steps each cell is from the seed if there were no walls, (batch, side, side)."""
    side = inputs.shape[-1]
    seed = inputs[:, 2].flatten(1).argmax(1)
    place = torch.arange(side, device=inputs.device)
    rows, columns = seed // side, seed % side
    return (place[:, None] - rows[:, None, None]).abs() + (place - columns[:, None, None]).abs()


class Ball:
    """Answers that what lies within some steps of the seed is filled, walls or none; of all radii the best on
    training items. It is the best that looks at distance alone, the constants among them."""

    def fit(self, dataset: Dataset) -> None:
        """Choose the radius, in steps; below zero nothing is filled."""
        inputs, targets = batch(dataset, range(min(MOST, len(dataset))))
        steps, asked = away(inputs), targets.any(1)
        right = [
            float((((steps <= radius) == targets[:, 1].bool()) & asked).sum())
            for radius in range(-1, 2 * inputs.shape[-1])
        ]
        self.radius = right.index(max(right)) - 1

    def __call__(self, inputs: Tensor) -> Tensor:
        filled = away(inputs) <= self.radius
        return torch.stack([~filled, filled], 1).float()
