"""Dense self-attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention, refuse_dense


class Transformer(Attention):
    """y = O softmax(q k^T / sqrt(d)) v, head by head, d channels a head.

    (batch, channels, *size) to the same shape. Memory is linear in positions, time quadratic, but for an
    encoding's bias, which is one more number a head and pair: raises UsageError beyond 4,096 positions.
    heads: must divide channels. causal: each position attends to those up to it, in reading order.
    encoding: as `Attention` has it, with any of the hooks `mix`, `turn` and `bias`.
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
        refuse_dense("transformer", size, heads, "comparisons of two positions")
        super().__init__(channels, heads=heads, out=True, size=size, encoding=encoding)
        self.causal = causal

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values of all positions, weighed by the softmax of the comparisons."""
        q, k, v = parts
        if not hasattr(self.encoding, "bias"):
            return functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        bias = self.encoding.bias().to(q.dtype)
        if self.causal:
            later = torch.ones(bias.shape[1:], dtype=torch.bool, device=bias.device).triu(1)
            bias = bias.masked_fill(later, float("-inf"))
        return functional.scaled_dot_product_attention(q, k, v, bias)
