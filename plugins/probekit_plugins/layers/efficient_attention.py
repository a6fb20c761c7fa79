"""Efficient attention (Shen et al., "Efficient Attention: Attention with Linear Complexities", WACV 2021)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from probekit_plugins.layers.attention import Attention


class EfficientAttention(Attention):
    """y = O softmax_d(q) (softmax_n(k)^T v), head by head: the keys' maps sum up all positions.

    (batch, channels, *size) to the same shape, linear in positions. heads: must divide channels.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__(channels, heads=heads, out=True)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return what the queries' softmax over channels reads of the sums."""
        q, k, v = parts
        return q.softmax(-1) @ (k.softmax(-2).mT @ v)
