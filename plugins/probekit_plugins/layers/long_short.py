"""Long-short attention (Zhu et al., "Long-Short Transformer: Efficient Transformers for Language and Vision",
NeurIPS 2021, arXiv:2107.02192)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.window import Window


class LongShort(Window):
    """Attention to the position's window and to a few summaries of the whole map, under one softmax.

        P = softmax_m(W x), kbar = LN(P k), vbar = LN(P v)
        y_n = O softmax(q_n [LN(k_w); kbar]^T / sqrt(d)) [LN(v_w); vbar]

    k_w and v_w are those of the window of n. A summary weights all keys, and all values, by a softmax over
    positions of a linear map of x. Keys and values of the window and of the summaries have separate norms, as
    their lengths differ. The paper's windows overlap, these do not. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        window: its side in positions.
        rank: summaries per head.
        heads: of at least four channels each, as a norm leaves nothing of one.

    Shape:
        (batch, channels, *size) to the same shape.
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
        self.dynamic_proj = nn.Linear(channels, heads * rank, bias=False)
        self.window_norms = nn.ModuleList(nn.LayerNorm(channels // heads) for _ in range(2))
        self.summary_norms = nn.ModuleList(nn.LayerNorm(channels // heads) for _ in range(2))

    @classmethod
    def width_step(cls, *, heads: int | None = None, **_: Any) -> int:
        """Return the number that the width must be a multiple of: four channels per head."""
        return 4 * super().width_step(heads=heads)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, window: int, **_: Any) -> str:
        """Return what windows amount to on a map: nothing, where one holds all positions."""
        if max(size) > window:
            return ""
        return (
            f"one window of side {window} holds all positions. This is dense attention with summaries added."
        )

    def forward(self, x: Tensor) -> Tensor:
        projections = self.project_map(x)
        _, k, v = projections.reshape(len(x), 3, self.heads, -1, projections[0, 0].numel()).mT.unbind(1)
        logits: Tensor = self.dynamic_proj(x.flatten(2).mT)
        # (batch, heads, summaries, positions)
        weights = logits.mT.reshape(len(x), self.heads, -1, logits.shape[1]).softmax(3)
        return self.attend_windows(
            projections, self.summary_norms[0](weights @ k), self.summary_norms[1](weights @ v)
        )

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values of a window and of the summaries, weighted by one softmax."""
        q, k, v, mask, summary_keys, summary_values = parts
        k = torch.cat([self.window_norms[0](k), summary_keys], 2)
        v = torch.cat([self.window_norms[1](v), summary_values], 2)
        mask = functional.pad(mask, (0, summary_keys.shape[2]), value=True)
        return functional.scaled_dot_product_attention(q, k, v, mask)
