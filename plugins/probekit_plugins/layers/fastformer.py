"""Additive attention (Wu et al., "Fastformer: Additive Attention Can Be All You Need", 2021)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.attention import Attention


class Fastformer(Attention):
    """q = sum softmax(w_q q_n) q_n; p_n = q k_n; k = sum softmax(w_k p_n) p_n; y_n = O W (k v_n) + q_n.

    Head by head; (batch, channels, *size) to the same shape, linear in positions: one query and one key of
    the whole map meet each value. heads: must divide channels.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 8) -> None:
        super().__init__(channels, heads=heads, out=True)
        inside = channels // heads
        self.queries = nn.Parameter(torch.randn(heads, inside) * inside**-0.5)
        self.keys = nn.Parameter(torch.randn(heads, inside) * inside**-0.5)
        self.transform = nn.Linear(inside, inside)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return each value times the map's one key, and the position's own query."""
        q, k, v = parts
        query = pooled(q, self.queries)
        key = pooled(query * k, self.keys)
        y: Tensor = self.transform(key * v) + q
        return y


def pooled(x: Tensor, weights: Tensor) -> Tensor:
    """Return the sum over positions of x (batch, heads, positions, d), by the softmax of w x / sqrt(d)."""
    scores = (x @ weights[..., None]) * x.shape[-1] ** -0.5
    y: Tensor = (scores.softmax(2) * x).sum(2, keepdim=True)
    return y
