"""The oracle matches a template in each orientation; it knows no generator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TEMPLATE = """
.............
.............
.............
.............
.............
.....#...o...
...####......
.............
.............
.............
.............
.............
............."""
"""The arrow, its tip in the middle, and the cell it aims at."""


def templates(mark: str) -> Tensor:
    """Return where a mark stands in each orientation, (8, 1, 13, 13) float32."""
    drawn = torch.tensor([[sign == mark for sign in line] for line in TEMPLATE.split()]).float()
    several = [torch.rot90(one, k) for one in (drawn, drawn.fliplr()) for k in range(4)]
    return torch.stack(several)[:, None]


def tips(inputs: Tensor) -> Tensor:
    """Return where the tip of an arrow is, by orientation, (batch, 8, size, size) float32, 0 or 1."""
    arrows = templates("#").to(inputs.device)
    found = functional.conv2d(inputs, arrows, padding=arrows.shape[-1] // 2)
    return (found == arrows[0].sum()).float()


def read(inputs: Tensor) -> Tensor:
    """Return the cell that the arrow aims at, (batch, 1, size, size) float32."""
    aims = templates("o").to(inputs.device)
    return functional.conv_transpose2d(tips(inputs), aims, padding=aims.shape[-1] // 2)
