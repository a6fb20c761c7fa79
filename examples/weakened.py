"""A layer from which a property can be taken step by step, for `examples/necessity.py`."""

from __future__ import annotations

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional

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
