"""The Lambda layer of Bello, "LambdaNetworks: Modeling Long-Range Interactions without Attention", ICLR 2021, in the form of Courtois et al. 2022 (section 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Lambda(nn.Module):
    """Content lambdas: Kbar = softmax over positions of K x, y = (Kbar (V x)^T)^T Q x, a head at a time.

    (batch, channels, *size) to the same shape; time and memory are linear in the number of positions.
    heads: must divide channels. keys: of each head. The keys have no bias: it would cancel in the softmax.
    """

    hooks: frozenset[str] = frozenset({"position"})

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        encoding: Callable[..., nn.Module] | None = None,
        shared: dict[str, Any] | None = None,
        heads: int = 1,
        keys: int = 64,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, heads * keys)
        self.key = nn.Linear(channels, heads * keys, bias=False)
        self.value = nn.Linear(channels, channels)
        self.encoding = None if encoding is None else encoding(channels, size, keys=keys, heads=heads)

    @staticmethod
    def width_step(*, heads: int = 1, **_: Any) -> int:
        """Return what the width must be a multiple of: the number of heads."""
        return heads

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)  # (batch, positions, channels), as the map lies in memory
        keys = self.attend(rows)
        # V and Q are linear and each row of Kbar sums to one, so both can be applied to the few lambdas
        # instead of to every position: the same y, and neither V x nor Q x is ever stored.
        context = (keys @ rows).unflatten(1, (self.heads, -1))  # (batch, heads, keys, channels)
        value = self.value.weight.unflatten(0, (self.heads, -1))
        lambdas = context @ value.mT + self.value.bias.unflatten(0, (self.heads, 1, -1))
        query = self.query.weight.unflatten(0, (self.heads, -1))
        matrix = (query.mT @ lambdas).transpose(1, 2).flatten(2)  # (batch, channels, channels)
        bias = self.query.bias.unflatten(0, (self.heads, 1, -1)) @ lambdas
        y = torch.baddbmm(bias.transpose(1, 2).flatten(2), rows, matrix)
        y = y.transpose(1, 2).unflatten(2, x.shape[2:])
        if self.encoding is not None:
            y = y + self.encoding.position(None, keys.unflatten(1, (self.heads, -1)).unflatten(-1, x.shape[2:]), None)
        return y

    def attend(self, rows: Tensor) -> Tensor:
        """Return Kbar (batch, heads * keys, positions) of rows (batch, positions, channels); its rows sum to one."""
        return (self.key.weight @ rows.mT).softmax(-1)
