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


def indices(images: Tensor) -> Tensor:
    """Return the palette index of each pixel, (batch, height, width) int64.

    Raises ValueError where a pixel's colour is not in the palette.
    """
    code = (images.double() * 255).round().long()
    packed = (code[:, 0] << 16) + (code[:, 1] << 8) + code[:, 2]
    known = torch.tensor([(r << 16) + (g << 8) + b for r, g, b in RGB], device=images.device)
    order = known.argsort()
    place = torch.searchsorted(known[order], packed).clamp(max=len(RGB) - 1)
    found = order[place]
    if not torch.equal(known[found], packed):
        raise ValueError("an image holds a colour that is not in the palette")
    return found
