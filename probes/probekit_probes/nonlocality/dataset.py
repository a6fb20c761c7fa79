"""The Rectangle Depth dataset: it stores a split as colour maps and levels and returns (image, depth)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit_probes.cached_split import CachedSplit, Item
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.scenes import COLOURS, Design, draw_scenes
from probekit_probes.streams import Words

DEPTHS = 11


class Rectangles(CachedSplit):
    """Images of rectangles and the depth of each pixel.

    Item i: float32 RGB (3, height, width) in [0, 1] and float32 depth (1, height, width), (level + 1) / 11, a
    function of (seed, split, i) alone. A drawn item takes height * width + 11 bytes. Source: the Rectangle
    Depth Estimation dataset, Courtois et al. 2022, section 3.1.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        super().__init__(split, seed, length)
        self.design = design
        sizes = (design.size, (COLOURS + 1,))
        self.parts = [np.empty((length, *size), np.uint8) for size in sizes]

    def draw(self, keys: Words) -> Sequence[NDArray[np.uint8]]:
        return draw_scenes(self.design, keys)

    def assemble_items(self, *parts: Tensor) -> Item:
        """Return images and depths.

        Args:
            *parts: colour maps (batch, height, width) and the level of each colour (batch, 11).

        Returns:
            Images (batch, 3, height, width) and depths (batch, 1, height, width).
        """
        colours, levels = parts
        index = colours.int()
        images = torch.nn.functional.embedding(index, PALETTE.to(colours.device)).permute(0, 3, 1, 2)
        flat = torch.gather((levels + 1) / DEPTHS, 1, index.flatten(1).long())
        return images, flat.view(colours.shape).unsqueeze(1)
