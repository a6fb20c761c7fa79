"""The closed-form control of fill: a ball around the seed."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch

FIT_ITEMS = 1024
"""Number of training items that choose the radius."""


def seed_distance(inputs: Tensor) -> Tensor:
    """Return how many steps each cell is from the seed, walls ignored, (batch, side, side)."""
    side = inputs.shape[-1]
    seed = inputs[:, 2].flatten(1).argmax(1)
    line = torch.arange(side, device=inputs.device)
    rows, columns = seed // side, seed % side
    return (line[:, None] - rows[:, None, None]).abs() + (line - columns[:, None, None]).abs()


class Ball:
    """Answers that all cells within a radius of the seed are filled, walls ignored.

    The radius is the best on training items, so this is the best solver that uses only the distance.
    """

    def fit(self, dataset: Dataset) -> None:
        """Choose the radius, in steps; with -1 nothing is filled."""
        inputs, targets = read_batch(dataset, range(min(FIT_ITEMS, len(dataset))))
        steps, mask = seed_distance(inputs), targets.any(1)
        correct = [
            float((((steps <= radius) == targets[:, 1].bool()) & mask).sum())
            for radius in range(-1, 2 * inputs.shape[-1])
        ]
        self.radius = correct.index(max(correct)) - 1

    def __call__(self, inputs: Tensor) -> Tensor:
        filled = seed_distance(inputs) <= self.radius
        return torch.stack([~filled, filled], 1).float()
