"""Dense self-attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention, refuse_dense


class Transformer(Attention):
    """y = O softmax(q k^T / sqrt(d)) v, head by head, d channels a head.

    (batch, channels, *size) to the same shape. Memory is linear in positions, time quadratic: raises
    UsageError beyond 4,096 positions. heads: must divide channels. causal: each position attends to those up
    to it, in reading order.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8, causal: bool = False
    ) -> None:
        refuse_dense("transformer", size, heads, "comparisons of two positions")
        super().__init__(channels, heads=heads, out=True)
        self.causal = causal

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values of all positions, weighed by the softmax of the comparisons."""
        q, k, v = parts
        return functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
