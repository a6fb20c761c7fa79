"""The oracle of rotation: it matches a template in each orientation. It shares no code with the generator."""

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
"""The arrow, with its tip in the middle, and the cell it aims at."""


def orient_template(mark: str) -> Tensor:
    """Return the cells with a mark in each orientation of the template, (8, 1, 13, 13) float32."""
    cells = torch.tensor([[sign == mark for sign in line] for line in TEMPLATE.split()]).float()
    orientations = [torch.rot90(image, turns) for image in (cells, cells.fliplr()) for turns in range(4)]
    return torch.stack(orientations)[:, None]


def find_tips(inputs: Tensor) -> Tensor:
    """Return the position of the arrow's tip by orientation, (batch, 8, size, size) float32, 0 or 1."""
    arrows = orient_template("#").to(inputs.device)
    matches = functional.conv2d(inputs, arrows, padding=arrows.shape[-1] // 2)
    return (matches == arrows[0].sum()).float()


def solve_arrows(inputs: Tensor) -> Tensor:
    """Return the cell that the arrow aims at, (batch, 1, size, size) float32."""
    aims = orient_template("o").to(inputs.device)
    return functional.conv_transpose2d(find_tips(inputs), aims, padding=aims.shape[-1] // 2)
