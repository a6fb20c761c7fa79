"""Axial attention (Ho et al., "Axial Attention in Multidimensional Transformers", 2019, arXiv:1912.12180)."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.multi_head import MultiHead


class AxisAttention(Attention):
    """Attention among the positions of one axis, (rows, channels, side) to the same shape."""

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values along the axis, weighted by the softmax of the scores."""
        q, k, v = parts
        return functional.scaled_dot_product_attention(q, k, v)


class Axial(MultiHead, nn.Module):
    """Attention along the last axis, then along the first.

        x'_(i,j) = O sum_m softmax_m(q_(i,j)^T k_(i,m) / sqrt(d)) v_(i,m)

    and then the same of x' along i, head by head, with other weights. Every position reaches every other in
    two steps. On a square map of N positions N^1.5 pairs are compared. In 1-D it is dense attention.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__()
        self.axes = nn.ModuleList(AxisAttention(channels, heads=heads, project_out=True) for _ in size)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], **_: Any) -> str:
        """Return what one axis amounts to: all positions."""
        return "a map of one axis is read whole. This is dense attention." if len(size) == 1 else ""

    def forward(self, x: Tensor) -> Tensor:
        for axis, attention in zip(reversed(range(2, x.ndim)), self.axes, strict=True):
            # (batch, other sides, channels, side) as rows of one axis
            rows = x.movedim((1, axis), (-2, -1))
            x = attention(rows.flatten(0, -3)).view(rows.shape).movedim((-2, -1), (1, axis))
        return x
