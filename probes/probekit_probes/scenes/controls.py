"""Controls of scenes: tables from a feature of a pixel, none of which is the order of objects, to a depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch
from probekit_probes.nonlocality.controls import DEPTHS, median_depth
from probekit_probes.scenes.surfaces import SurfaceReader

BLOCK, MAX_ITEMS = 512, 8192
SHADES = 4
"""Number of shades of each primary colour that the table of colours tells apart."""
NEIGHBOURS = tuple((row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1))

Feature = Callable[[Tensor], Tensor]


class DepthTable:
    """Answers with the median depth of the objects' training pixels that have the same feature.

    Args:
        reader: reads the surfaces of an image; the background does not count.
        feature: `feature(inputs)` returns a whole number per pixel, (batch, height, width) int64.
        size: how many numbers there are.
    """

    def __init__(self, reader: SurfaceReader, feature: Feature, size: int) -> None:
        self.reader, self.feature, self.size = reader, feature, size

    def fit(self, dataset: Dataset) -> None:
        """Count the depths at each feature; one that no pixel has gets the median of all."""
        counts = torch.zeros(self.size * DEPTHS, dtype=torch.int64)
        length = min(len(dataset), MAX_ITEMS)
        for start in range(0, length, BLOCK):
            images, depths = read_batch(dataset, range(start, min(start + BLOCK, length)))
            level = (depths[:, 0] * DEPTHS).round().long() - 1
            is_object = (self.reader(images) != 0).any(1)
            cells = (self.feature(images) * DEPTHS + level)[is_object]
            counts += torch.bincount(cells, minlength=len(counts))
        table = counts.view(self.size, DEPTHS)
        unseen = table.sum(-1, keepdim=True) == 0
        self.depths = median_depth(torch.where(unseen, table.sum(0), table))

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.depths.to(inputs.device)[self.feature(inputs)].unsqueeze(1)


def ignore_pixels(images: Tensor) -> Tensor:
    """Return 0 at each pixel, (batch, height, width): the best solver that ignores the image."""
    return torch.zeros_like(images[:, 0], dtype=torch.long)


def bin_colours(images: Tensor) -> Tensor:
    """Return the bin of the colour of each pixel, (batch, height, width): the best solver of one pixel."""
    red, green, blue = (images * SHADES).long().clamp(max=SHADES - 1).unbind(1)
    return (red * SHADES + green) * SHADES + blue


@dataclass(frozen=True, slots=True)
class AreaBins:
    """The bin of the visible area of each pixel's surface, by whole roots of the number of pixels."""

    reader: SurfaceReader

    def __call__(self, images: Tensor) -> Tensor:
        index = self.reader.number_surfaces(images).flatten(1)
        areas = torch.zeros_like(index).scatter_add_(1, index, torch.ones_like(index))
        roots = areas.gather(1, index).double().sqrt().long()
        return roots.view(len(images), *images.shape[2:])


@dataclass(frozen=True, slots=True)
class NeighbourPatterns:
    """Which of the eight neighbours of each pixel belong to its surface, as a number below 256."""

    reader: SurfaceReader

    def __call__(self, images: Tensor) -> Tensor:
        index = self.reader.number_surfaces(images)
        height, width = index.shape[1:]
        padded = functional.pad(index, (1, 1, 1, 1))
        pattern = torch.zeros_like(index)
        for bit, (row, column) in enumerate(NEIGHBOURS):
            pattern += (padded[:, row : row + height, column : column + width] == index).long() << bit
        return pattern
