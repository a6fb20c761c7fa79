"""Layers from which a property can be taken step by step, for `examples/necessity.py`."""

from __future__ import annotations

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.gru import GRU
from probekit_plugins.layers.transformer import Transformer


class Band(Transformer):
    """Attention to positions at most `radius` away.

    Args:
        channels: number of channels.
        size: (length,).
        radius: greatest distance of two positions that attend to each other.
        heads: must divide the channels.
        causal: each position attends to those up to it.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        radius: NonNegativeInt = 4,
        heads: PositiveInt = 8,
        causal: bool = False,
    ) -> None:
        super().__init__(channels, size, heads=heads, causal=causal)
        self.radius = radius

    def attend_heads(self, *parts: Tensor) -> Tensor:
        q, k, v = parts
        place = torch.arange(q.shape[2], device=q.device)
        distance = place[:, None] - place
        visible = distance.abs() <= self.radius
        if self.causal:
            visible &= distance >= 0
        return functional.scaled_dot_product_attention(q, k, v, visible)


class Reset(GRU):
    """A gated recurrent unit that clears its state every `every` positions.

    Args:
        channels: number of channels.
        size: (length,).
        every: length of the blocks that are read apart from each other.
        causal: read in reading order only.
    """

    dims = (1,)

    def __init__(
        self, channels: int, size: tuple[int, ...], *, every: PositiveInt = 8, causal: bool = False
    ) -> None:
        super().__init__(channels, size, causal=causal)
        self.every = every

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[2]
        blocks = functional.pad(x, (0, -length % self.every)).unflatten(2, (-1, self.every))
        states = super().forward(blocks.transpose(1, 2).flatten(0, 1))
        return states.unflatten(0, (len(x), -1)).transpose(1, 2).flatten(2)[..., :length]
