"""The Lambda layer of Bello, "LambdaNetworks", ICLR 2021, as Courtois et al. 2022 (section 5.2) write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.headed import Headed
from probekit_plugins.structures.blocks import append


class Lambda(Headed, nn.Module):
    """Kbar = softmax over positions of K x; y = (Kbar (V x)^T)^T Q x, head by head.

    (batch, channels, *size) to the same shape. Time and memory are linear in the number of positions.
    encoding: None or a builder (channels, size, keys=, heads=) -> Encoding, with any of three hooks.
    heads: must divide channels. keys: of each head; they have no bias, which would cancel in the softmax.
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
        self.connect(channels)
        self.encoding: Any = None if encoding is None else encoding(channels, size, keys=keys, heads=heads)
        extra = self.extra()
        if extra is not None:
            self.connect(channels + len(extra))

    def connect(self, inputs: int) -> None:
        """Make the maps q, k and v, which read this many channels."""
        self.query = nn.Linear(inputs, self.heads * self.keys)
        self.key = nn.Linear(inputs, self.heads * self.keys, bias=False)
        self.value = nn.Linear(inputs, self.channels)

    def extra(self) -> Tensor | None:
        """Return the channels (e, *size) that the encoding appends, if it does."""
        return self.encoding.extra() if hasattr(self.encoding, "extra") else None

    def sources(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what q, k and v read, (batch, positions, channels) each."""
        if not hasattr(self.encoding, "mix"):
            rows = append(x, self.extra()).flatten(2).mT
            return rows, rows, rows
        q, k, v = (append(source, self.extra()).flatten(2).mT for source in self.encoding.mix(x))
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        queried, keyed, valued = self.sources(x)
        keys = self.attend(keyed)
        lambdas = self.summarise(keys, valued, self.value)  # (batch, heads, keys, channels / heads)
        # Q is applied to the lambdas as well: y = (lambdas^T Q) x, a small matrix an item in place of Q x
        matrix = (self.split(self.query.weight).mT @ lambdas).transpose(1, 2).flatten(2)
        bias = self.split(self.query.bias).unsqueeze(1) @ lambdas
        y = torch.baddbmm(bias.flatten(1).unsqueeze(1), queried, matrix).mT.reshape_as(x)
        if not hasattr(self.encoding, "position"):
            return y

        def read(maps: Tensor) -> Tensor:
            return self.split(maps, 1).reshape(len(x), self.heads, -1, *x.shape[2:])

        position: Tensor = self.encoding.position(
            lambda: read(self.query(queried).mT), read(keys), lambda: read(self.value(valued).mT)
        )
        return y + position

    def attend(self, rows: Tensor) -> Tensor:
        """Return Kbar (batch, heads * keys, positions), which sums to one over positions, from `rows`.

        rows: the map as (batch, positions, channels).
        """
        # bmm leaves the positions last in memory, where the softmax is fast; matmul would copy to do so
        return torch.bmm(self.key.weight.expand(len(rows), -1, -1), rows.mT).softmax(-1)

    def summarise(self, keys: Tensor, rows: Tensor, linear: nn.Linear) -> Tensor:
        """Return Kbar (linear x)^T, (batch, heads, keys, outputs / heads), from Kbar and `rows`.

        As Kbar sums to one, `linear` commutes with it: it is applied to the few means, not to each position.
        """
        means = self.split(torch.bmm(keys, rows), 1)
        return means @ self.split(linear.weight).mT + self.split(linear.bias).unsqueeze(1)

    def split(self, x: Tensor, dim: int = 0) -> Tensor:
        """Return x with dimension `dim` split in (heads, the rest)."""
        return torch.unflatten(x, dim, (self.heads, -1))
