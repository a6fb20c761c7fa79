"""Biases that attention adds to its scores, by the displacement of two positions: learned (Shaw et al. 2018,
arXiv:1803.02155, as in Liu et al., "Swin Transformer", ICCV 2021, arXiv:2103.14030), or a slope (Press et
al., "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation", ICLR 2022,
arXiv:2108.12409)."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn


def list_coordinates(size: tuple[int, ...]) -> Tensor:
    """Return the coordinates of all positions, (positions, axes) int64, in reading order."""
    return torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij"), -1).flatten(0, -2)


class Relative(nn.Module):
    """A learned number for each head and displacement of two positions; starts with deviation 0.02."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        spans = [2 * side - 1 for side in size]
        self.relative_position_bias_table = nn.Parameter(torch.randn(heads, prod(spans)) * 0.02)
        coordinates = list_coordinates(size)
        displacements = coordinates[:, None] - coordinates + torch.tensor(size) - 1
        index = torch.zeros(displacements.shape[:2], dtype=torch.int64)
        for axis, span in enumerate(spans):
            index = index * span + displacements[..., axis]
        self.register_buffer("relative_position_index", index, persistent=False)

    def bias(self) -> Tensor:
        """Return the number to add to the score of two positions, (heads, positions, positions)."""
        return self.relative_position_bias_table[:, self.get_buffer("relative_position_index")]


class ALiBi(nn.Module):
    """Attention decreases with the distance of two positions, at another rate in each head h of H.

        b_(n,m) = -2^(-8 h/H) |n - m| for h = 1, ..., H

    In 2-D the distance is Euclidean. Nothing is learned.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        coordinates = list_coordinates(size)
        distances = (coordinates[:, None] - coordinates).double().square().sum(2).sqrt()
        slopes = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=torch.float64) / heads)
        biases = (-slopes[:, None, None] * distances).to(torch.get_default_dtype())
        self.register_buffer("biases", biases, persistent=False)

    def bias(self) -> Tensor:
        """Return the number to add to the score of two positions, (heads, positions, positions)."""
        return self.get_buffer("biases")
