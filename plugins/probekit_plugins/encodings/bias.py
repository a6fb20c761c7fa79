"""Biases are added to what attention compares, by how two positions lie to each other: learned (Shaw et al.
2018, as in Liu et al., "Swin Transformer", ICCV 2021), or a slope (Press et al., "Train Short, Test Long:
Attention with Linear Biases Enables Input Length Extrapolation", ICLR 2022)."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn


def places(size: tuple[int, ...]) -> Tensor:
    """Return where positions are, (positions, axes) int64, in reading order."""
    return torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij"), -1).flatten(0, -2)


class Relative(nn.Module):
    """A learned number a head for each displacement of two positions, drawn with deviation 0.02."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        spans = [2 * side - 1 for side in size]
        self.table = nn.Parameter(torch.randn(heads, prod(spans)) * 0.02)
        apart = places(size)[:, None] - places(size) + torch.tensor(size) - 1
        number = torch.zeros(apart.shape[:2], dtype=torch.int64)
        for axis, span in enumerate(spans):
            number = number * span + apart[..., axis]
        self.register_buffer("number", number, persistent=False)

    def bias(self) -> Tensor:
        """Return what is added to the comparison of two positions, (heads, positions, positions)."""
        return self.table[:, self.get_buffer("number")]


class ALiBi(nn.Module):
    """Minus the distance of two positions, times 2^(-8 h / H) for head h of H, from h = 1 on.

    In 2-D the distance is Euclid's. Nothing is learned.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        apart = (places(size)[:, None] - places(size)).double().square().sum(2).sqrt()
        slopes = 2.0 ** (-8 * torch.arange(1, heads + 1, dtype=torch.float64) / heads)
        made = (-slopes[:, None, None] * apart).to(torch.get_default_dtype())
        self.register_buffer("slopes", made, persistent=False)

    def bias(self) -> Tensor:
        """Return what is added to the comparison of two positions, (heads, positions, positions)."""
        return self.get_buffer("slopes")
