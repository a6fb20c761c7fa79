"""The controls of rotation: what holds in the orientation of training, and there alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit.interfaces import Dataset, Shape
from probekit.items import batch


def centre(images: Tensor) -> Tensor:
    """Return the mean place of what is lit, (batch, 2) float32 row and column."""
    side = torch.arange(images.shape[-1], device=images.device).float()
    total = images.sum((1, 2, 3))
    rows, columns = images.sum((1, 3)) @ side / total, images.sum((1, 2)) @ side / total
    return torch.stack([rows, columns], 1)


class SameWay:
    """Answers the cell that lies from the arrow's centre as it did in training: the best that moves its
    answer with the arrow and does not turn it."""

    def fit(self, dataset: Dataset) -> None:
        """Find how far away, and which way."""
        images, cells = batch(dataset, range(len(dataset)))
        self.away = (centre(cells) - centre(images)).mean(0)

    def __call__(self, inputs: Tensor) -> Tensor:
        size = inputs.shape[-1]
        row, column = (
            (centre(inputs) + self.away.to(inputs.device)).round().long().clamp(0, size - 1).unbind(1)
        )
        told = torch.zeros_like(inputs)
        told[torch.arange(len(inputs)), 0, row, column] = 1
        return told


def convolution(shape: Shape, *, width: int) -> nn.Module:
    """Build a network of convolutions that sees nine cells each way: covariant to shifts, and to no turn."""
    across = width // 2
    layers: list[nn.Module] = [nn.Conv2d(shape.inputs, across, 7, padding=3), nn.GELU()]
    for _ in range(2):
        layers += [nn.Conv2d(across, across, 7, padding=3), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(across, shape.outputs, 1))
