"""The palette: a black background and ten fixed colours, exact in 8 bits."""

from __future__ import annotations

import torch
from torch import Tensor

NAMES = ("black", "blue", "orange", "green", "red", "violet", "brown", "pink", "grey", "olive", "cyan")
RGB = (
    (0, 0, 0),
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (247, 182, 210),
    (199, 199, 199),
    (219, 219, 61),
    (23, 190, 207),
)

PALETTE = torch.tensor(RGB, dtype=torch.float32) / 255


def palette_indices(images: Tensor) -> Tensor:
    """Return the palette index of each pixel, (batch, height, width) int64.

    Raises:
        ValueError: if a pixel's colour is not in the palette.
    """
    levels = (images.double() * 255).round().long()
    packed = (levels[:, 0] << 16) + (levels[:, 1] << 8) + levels[:, 2]
    palette = torch.tensor([(r << 16) + (g << 8) + b for r, g, b in RGB], device=images.device)
    order = palette.argsort()
    rank = torch.searchsorted(palette[order], packed).clamp(max=len(RGB) - 1)
    index = order[rank]
    if not torch.equal(palette[index], packed):
        raise ValueError("an image has a colour that is not in the palette")
    return index
