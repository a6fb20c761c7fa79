"""Latents that read a map and write to it (Jaegle et al., "Perceiver IO", ICLR 2022)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.headed import Headed


class Perceiver(Headed, nn.Module):
    """z = Attention(latents, x); z += Attention(z, z); y = Attention(x, z): linear in positions.

    (batch, channels, *size) to the same shape. `latents` learned vectors attend to all positions, then to
    each other, and each position attends to them; the paper's perceptrons are left to the structure. heads:
    must divide channels.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        latents: PositiveInt = 16,
        heads: PositiveInt = 8,
    ) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, channels) * 0.02)
        self.read = Cross(channels, heads)
        self.think = Cross(channels, heads)
        self.write = Cross(channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        latents = self.latents.expand(len(x), -1, -1)
        latents = latents + self.read(latents, rows)
        latents = latents + self.think(latents, latents)
        y: Tensor = self.write(rows, latents)
        return y.mT.reshape_as(x)


class Cross(nn.Module):
    """Attention of some rows to others, (batch, rows, channels) and (batch, others, channels)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(channels, channels)
        self.maps = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, rows: Tensor, others: Tensor) -> Tensor:
        q = self.queries(rows).unflatten(2, (self.heads, -1)).transpose(1, 2)
        k, v = self.maps(others).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        read = functional.scaled_dot_product_attention(q, k, v)
        y: Tensor = self.out(read.transpose(1, 2).flatten(2))
        return y
