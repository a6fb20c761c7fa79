"""Long-short attention (Zhu et al., "Long-Short Transformer: Efficient Transformers for Language and Vision",
NeurIPS 2021)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.window import Window


class LongShort(Window):
    """Attention to the own window and to a few summaries of the whole map, under one softmax.

    (batch, channels, *size) to the same shape, linear in positions. A summary weighs all keys, and all
    values, by a softmax over positions of a linear map of them; keys and values of either kind are normalised
    apart, as their lengths differ. window: positions a side; the paper's windows overlap, these do not.
    rank: summaries of a head. heads: four channels each at the least, as a norm leaves nothing of one.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        window: PositiveInt = 7,
        rank: PositiveInt = 8,
        heads: PositiveInt = 4,
    ) -> None:
        super().__init__(channels, size, window=window, heads=heads)
        self.weigh = nn.Linear(channels, heads * rank, bias=False)
        self.near = nn.ModuleList(nn.LayerNorm(channels // heads) for _ in range(2))
        self.far = nn.ModuleList(nn.LayerNorm(channels // heads) for _ in range(2))

    @classmethod
    def width_step(cls, *, heads: int | None = None, **_: Any) -> int:
        """Return what the width must be a multiple of: four channels a head."""
        return 4 * super().width_step(heads=heads)

    def forward(self, x: Tensor) -> Tensor:
        made = self.laid(x)
        _, k, v = made.reshape(len(x), 3, self.heads, -1, made[0, 0].numel()).mT.unbind(1)
        logits: Tensor = self.weigh(x.flatten(2).mT)
        # (batch, heads, summaries, positions)
        weights = logits.mT.reshape(len(x), self.heads, -1, logits.shape[1]).softmax(3)
        return self.windowed(made, self.far[0](weights @ k), self.far[1](weights @ v))

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values of a window and of the summaries, weighed by one softmax."""
        q, k, v, mask, keys, values = parts
        k = torch.cat([self.near[0](k), keys], 2)
        v = torch.cat([self.near[1](v), values], 2)
        mask = functional.pad(mask, (0, keys.shape[2]), value=True)
        return functional.scaled_dot_product_attention(q, k, v, mask)
