"""Axial attention (Ho et al., "Axial Attention in Multidimensional Transformers", 2019)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.headed import Headed


class Along(Attention):
    """Attention among the positions of one axis, (rows, channels, side) to the same shape."""

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values along the axis, weighed by the softmax of the comparisons."""
        q, k, v = parts
        return functional.scaled_dot_product_attention(q, k, v)


class Axial(Headed, nn.Module):
    """Attention along the last axis, then along the one before: (batch, channels, *size) to the same shape.

    Every position reaches every other in two steps; of N positions of a square map N^1.5 pairs are compared.
    In 1-D it is dense attention. heads: must divide channels.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__()
        self.along = nn.ModuleList(Along(channels, heads=heads, out=True) for _ in size)

    def forward(self, x: Tensor) -> Tensor:
        for axis, along in zip(reversed(range(2, x.ndim)), self.along, strict=True):
            # (batch, others, channels, side) as rows of one axis
            rows = x.movedim((1, axis), (-2, -1))
            x = along(rows.flatten(0, -3)).view(rows.shape).movedim((-2, -1), (1, axis))
        return x
