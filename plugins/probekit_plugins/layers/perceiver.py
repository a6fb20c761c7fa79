"""Latents that read a map and write to it (Jaegle et al., "Perceiver IO", ICLR 2022, arXiv:2107.14795)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.multi_head import MultiHead


class Perceiver(MultiHead, nn.Module):
    """A few latents z read the map and write to it; linear in positions.

        z' = z + Attention(z, x), z'' = z' + Attention(z', z'), y = Attention(x, z'')

    Learned latents attend to all positions, then to each other, and each position attends to them. The
    paper's perceptrons belong to the structure.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        latents: how many.
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
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
        self.encode = CrossAttention(channels, heads)
        self.process = CrossAttention(channels, heads)
        self.decode = CrossAttention(channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        latents = self.latents.expand(len(x), -1, -1)
        latents = latents + self.encode(latents, rows)
        latents = latents + self.process(latents, latents)
        y: Tensor = self.decode(rows, latents)
        return y.mT.reshape_as(x)


class CrossAttention(nn.Module):
    """Attention of queries to a context.

    Shape:
        (batch, queries, channels) and (batch, positions, channels) to (batch, queries, channels).
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, channels)
        self.kv_proj = nn.Linear(channels, 2 * channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        q = self.q_proj(queries).unflatten(2, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv_proj(context).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        values = functional.scaled_dot_product_attention(q, k, v)
        y: Tensor = self.out_proj(values.transpose(1, 2).flatten(2))
        return y
