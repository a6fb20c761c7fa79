"""The dataset keeps a split as colour maps and levels, drawn when asked for, and hands out (image, depth)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from probekit_probes.kept import Indexed, Indices, Item, Kept
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.scenes import COLOURS, Design, draw
from probekit_probes.streams import Words

DEPTHS = 11


class Rectangles(Kept):
    """Images of rectangles and the depth of each pixel.

    Item i: float32 RGB (3, height, width) in [0, 1] and float32 depth (1, height, width), (level + 1) / 11, a
    function of (seed, split, i) alone. A drawn item takes height * width + 11 bytes. Source: the Rectangle
    Depth Estimation dataset, Courtois et al. 2022, section 3.1.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        super().__init__(split, seed, length)
        self.design = design
        self.colours = np.empty((length, *design.size), np.uint8)
        self.levels = np.empty((length, COLOURS + 1), np.uint8)

    def draw(self, some: Indices, keys: Words) -> None:
        self.colours[some], self.levels[some] = draw(self.design, keys)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return images (batch, 3, height, width), channels last, and depths (batch, 1, height, width).

        Raises IndexError where an index lies outside the split.
        """
        some = self.ensure(indices)
        return painted(torch.from_numpy(self.colours[some]), torch.from_numpy(self.levels[some]))

    def on(self, device: torch.device) -> Resident:
        """Return the split, drawn to its end, with colour maps and levels in the device's memory."""
        self.ensure(range(len(self)))
        return Resident(torch.from_numpy(self.colours).to(device), torch.from_numpy(self.levels).to(device))


class Resident(Indexed):
    """A split in a device's memory, a byte a pixel: the same items, made there without waiting for it."""

    split = "resident"

    def __init__(self, colours: Tensor, levels: Tensor) -> None:
        self.colours, self.levels = colours, levels

    def __len__(self) -> int:
        return len(self.colours)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return what `Rectangles.batch` does, on the device."""
        wanted = torch.from_numpy(self.wanted(indices))
        some = wanted.to(self.colours.device, non_blocking=True)
        return painted(self.colours[some], self.levels[some])


def painted(colours: Tensor, levels: Tensor) -> Item:
    """Return images and depths of colour maps (batch, height, width) and each colour's level (batch, 11)."""
    index = colours.int()
    palette = PALETTE.to(colours.device)
    images = torch.nn.functional.embedding(index, palette).permute(0, 3, 1, 2)
    flat = torch.gather((levels + 1) / DEPTHS, 1, index.flatten(1).long())
    return images, flat.view(colours.shape).unsqueeze(1)
