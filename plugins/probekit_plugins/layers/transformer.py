"""Dense self-attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention, check_pair_limit


class Transformer(Attention):
    """Dense attention, head by head, d channels per head.

        y = O softmax(q k^T / sqrt(d)) v

    Time is quadratic in positions. Memory is linear, unless the encoding has a bias, which is one number for
    each head and pair.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        causal: each position attends to those up to it, in reading order.
        encoding: as in `Attention`, with any of the hooks `mix`, `turn` and `bias`.

    Shape:
        (batch, channels, *size) to the same shape.

    Raises:
        UsageError: the map has more than 4,096 positions.
    """

    hooks: frozenset[str] = frozenset({"mix", "turn", "bias"})

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 8,
        causal: bool = False,
        encoding: Callable[..., Any] | None = None,
    ) -> None:
        check_pair_limit("transformer", size, heads, "comparisons of two positions")
        super().__init__(channels, heads=heads, project_out=True, size=size, encoding=encoding)
        self.causal = causal

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values of all positions, weighted by the softmax of the scores."""
        q, k, v = parts
        if not hasattr(self.encoding, "bias"):
            return functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        bias = self.encoding.bias().to(q.dtype)
        if self.causal:
            causal_mask = torch.ones(bias.shape[1:], dtype=torch.bool, device=bias.device).triu(1)
            bias = bias.masked_fill(causal_mask, float("-inf"))
        return functional.scaled_dot_product_attention(q, k, v, bias)
