"""The dataset of scenes: it stores a split as surface maps, levels and colours and returns (image, depth)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit_probes import streams
from probekit_probes.cached_split import CachedSplit, Item
from probekit_probes.nonlocality.dataset import DEPTHS
from probekit_probes.scenes.design import Design, draw_scenes

MAX_SURFACES = DEPTHS


class SceneSplit(CachedSplit):
    """Images of overlapping objects and the depth of each pixel.

    Item i: float32 RGB (3, height, width) in [0, 1] and float32 depth (1, height, width), (level + 1) / 11, a
    function of (seed, split, i) alone. Source: the Rectangle Depth Estimation dataset, Courtois et al. 2022,
    section 3.1, and the plan in section 6.2.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        super().__init__(split, seed, length)
        self.design = design
        frame = (design.side, design.side)
        sizes = [frame, (MAX_SURFACES,), (MAX_SURFACES * design.shades, 3)]
        sizes += [] if design.texture == "flat" else [frame]
        self.parts = [np.empty((length, *size), np.uint8) for size in sizes]

    def draw(self, keys: streams.Words) -> Sequence[NDArray[Any]]:
        return draw_scenes(self.design, keys)

    def assemble_items(self, *parts: Tensor) -> Item:
        """Return images and depths.

        Args:
            *parts: surface maps (batch, height, width), the level of each surface (batch, 11), its colours
                (batch, 11 * shades, 3) and, with textures, the shade of each pixel (batch, height, width).

        Returns:
            Images (batch, 3, height, width) and depths (batch, 1, height, width).
        """
        surfaces, levels, colours, *shades = parts
        index = surfaces.flatten(1).long()
        colour = index * self.design.shades + shades[0].flatten(1) if shades else index
        flat = torch.gather(colours, 1, colour[:, :, None].expand(-1, -1, 3))
        images = (flat.float() / 255).view(*surfaces.shape, 3).permute(0, 3, 1, 2)
        depths = torch.gather((levels + 1) / DEPTHS, 1, index)
        return images, depths.view(surfaces.shape).unsqueeze(1)
