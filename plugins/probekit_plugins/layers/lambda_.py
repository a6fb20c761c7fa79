"""The Lambda layer of Bello, "LambdaNetworks", ICLR 2021, arXiv:2102.08602, as Courtois et al. 2022
(arXiv:2204.11045, section 5.2) write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.structures.blocks import append_channels


class Lambda(MultiHead, nn.Module):
    """The map is summarised in one matrix, which each query is applied to, head by head.

        Kbar = softmax_n(K x), y = (Kbar (V x)^T)^T Q x

    Time and memory are linear in the number of positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        encoding: None, or a builder (channels, size, keys=, heads=) -> Encoding with any of the hooks
            `extra`, `mix` and `position`.
        shared: not used.
        heads: must divide the channels.
        keys: of each head. They have no bias, which would cancel in the softmax.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    hooks: frozenset[str] = frozenset({"extra", "mix", "position"})

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        encoding: Callable[..., Any] | None = None,
        shared: dict[str, Any] | None = None,
        heads: PositiveInt = 1,
        keys: PositiveInt = 64,
    ) -> None:
        super().__init__()
        self.channels, self.heads, self.keys = channels, heads, keys
        self.build_projections(channels)
        self.encoding: Any = None if encoding is None else encoding(channels, size, keys=keys, heads=heads)
        extra = self.extra()
        if extra is not None:
            self.build_projections(channels + len(extra))

    def build_projections(self, inputs: int) -> None:
        """Create the linear maps to q, k and v, which read this many channels."""
        self.query = nn.Linear(inputs, self.heads * self.keys)
        self.key = nn.Linear(inputs, self.heads * self.keys, bias=False)
        self.value = nn.Linear(inputs, self.channels)

    def extra(self) -> Tensor | None:
        """Return the channels (e, *size) that the encoding appends, if it does."""
        return self.encoding.extra() if hasattr(self.encoding, "extra") else None

    def encode_sources(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of q, k and v, (batch, positions, channels) each."""
        if not hasattr(self.encoding, "mix"):
            rows = append_channels(x, self.extra()).flatten(2).mT
            return rows, rows, rows
        q, k, v = (append_channels(source, self.extra()).flatten(2).mT for source in self.encoding.mix(x))
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        query_rows, key_rows, value_rows = self.encode_sources(x)
        keys = self.normalize_keys(key_rows)
        lambdas = self.compute_lambdas(keys, value_rows, self.value)  # (batch, heads, keys, channels / heads)
        # Q is applied to the lambdas as well: y = (lambdas^T Q) x, a small matrix per item instead of Q x
        matrix = (self.split_heads(self.query.weight).mT @ lambdas).transpose(1, 2).flatten(2)
        bias = self.split_heads(self.query.bias).unsqueeze(1) @ lambdas
        y = torch.baddbmm(bias.flatten(1).unsqueeze(1), query_rows, matrix).mT.reshape_as(x)
        if not hasattr(self.encoding, "position"):
            return y

        def as_map(maps: Tensor) -> Tensor:
            return self.split_heads(maps, 1).reshape(len(x), self.heads, -1, *x.shape[2:])

        position: Tensor = self.encoding.position(
            lambda: as_map(self.query(query_rows).mT),
            as_map(keys),
            lambda: as_map(self.value(value_rows).mT),
        )
        return y + position

    def normalize_keys(self, rows: Tensor) -> Tensor:
        """Return Kbar, which sums to one over positions.

        Args:
            rows: the map as (batch, positions, channels).

        Returns:
            (batch, heads * keys, positions).
        """
        # bmm leaves the positions last in memory, where the softmax is fast; matmul would copy to do so
        return torch.bmm(self.key.weight.expand(len(rows), -1, -1), rows.mT).softmax(-1)

    def compute_lambdas(self, keys: Tensor, rows: Tensor, linear: nn.Linear) -> Tensor:
        """Return Kbar (linear x)^T from Kbar and the map's rows, (batch, heads, keys, outputs / heads).

        As Kbar sums to one, `linear` commutes with it: it is applied to the few means, not to each position.
        """
        means = self.split_heads(torch.bmm(keys, rows), 1)
        return means @ self.split_heads(linear.weight).mT + self.split_heads(linear.bias).unsqueeze(1)

    def split_heads(self, x: Tensor, dim: int = 0) -> Tensor:
        """Return x with dimension `dim` split in (heads, the rest)."""
        return torch.unflatten(x, dim, (self.heads, -1))
