"""Efficient attention (Shen et al., "Efficient Attention: Attention with Linear Complexities", WACV 2021,
arXiv:1812.01243)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from probekit_plugins.layers.attention import Attention


class EfficientAttention(Attention):
    """A softmax of q over channels and one of k over positions, head by head; linear in positions.

        y = O softmax_d(q) (softmax_n(k)^T v)

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__(channels, heads=heads, project_out=True)

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the global context k^T v, read by the queries' softmax over channels."""
        q, k, v = parts
        return q.softmax(-1) @ (k.softmax(-2).mT @ v)
