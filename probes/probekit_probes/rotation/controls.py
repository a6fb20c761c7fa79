"""Controls of rotation: solvers that know only the orientation of training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit.plugin.interfaces import Dataset, Shape
from probekit.plugin.items import read_batch


def lit_centre(images: Tensor) -> Tensor:
    """Return the mean position of the lit cells, (batch, 2) float32 row and column."""
    side = torch.arange(images.shape[-1], device=images.device).float()
    total = images.sum((1, 2, 3))
    rows, columns = images.sum((1, 3)) @ side / total, images.sum((1, 2)) @ side / total
    return torch.stack([rows, columns], 1)


class SameWay:
    """Answers with the cell at the same offset from the arrow's centre as in training.

    It is the best solver that moves its answer with the arrow and does not turn it.
    """

    def fit(self, dataset: Dataset) -> None:
        """Measure the offset."""
        images, cells = read_batch(dataset, range(len(dataset)))
        self.offset = (lit_centre(cells) - lit_centre(images)).mean(0)

    def __call__(self, inputs: Tensor) -> Tensor:
        size = inputs.shape[-1]
        position = (lit_centre(inputs) + self.offset.to(inputs.device)).round().long()
        row, column = position.clamp(0, size - 1).unbind(1)
        answers = torch.zeros_like(inputs)
        answers[torch.arange(len(inputs)), 0, row, column] = 1
        return answers


def build_convolution(shape: Shape, *, width: int) -> nn.Module:
    """Build a convolutional network that sees nine cells in each direction.

    It is covariant to shifts, and to no turn.
    """
    channels = width // 2
    layers: list[nn.Module] = [nn.Conv2d(shape.inputs, channels, 7, padding=3), nn.GELU()]
    for _ in range(2):
        layers += [nn.Conv2d(channels, channels, 7, padding=3), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, shape.outputs, 1))
