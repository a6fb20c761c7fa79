"""Additive attention (Wu et al., "Fastformer: Additive Attention Can Be All You Need", 2021,
arXiv:2108.09084)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.attention import Attention


class Fastformer(Attention):
    """One global query q and one global key k meet each value, head by head; linear in positions.

        q = sum_n softmax_n(w_q^T q_n / sqrt(d)) q_n, p_n = q * k_n
        k = sum_n softmax_n(w_k^T p_n / sqrt(d)) p_n, y_n = O (W (k * v_n) + q_n)

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__(channels, heads=heads, project_out=True)
        head_channels = channels // heads
        self.w_q = nn.Parameter(torch.randn(heads, head_channels) * head_channels**-0.5)
        self.w_k = nn.Parameter(torch.randn(heads, head_channels) * head_channels**-0.5)
        self.transform = nn.Linear(head_channels, head_channels)

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return each value times the global key, plus the position's own query."""
        q, k, v = parts
        global_query = pool_positions(q, self.w_q)
        global_key = pool_positions(global_query * k, self.w_k)
        y: Tensor = self.transform(global_key * v) + q
        return y


def pool_positions(x: Tensor, w: Tensor) -> Tensor:
    """Return the sum over positions of x (batch, heads, positions, d), weighted by softmax(w x / sqrt(d))."""
    scores = (x @ w[..., None]) * x.shape[-1] ** -0.5
    y: Tensor = (scores.softmax(2) * x).sum(2, keepdim=True)
    return y
