"""Multi-head attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017), but for who attends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.errors import UsageError
from probekit_plugins.layers.headed import Headed

PAIRS = 4096**2


def refuse_dense(layer: str, size: tuple[int, ...], each: int, what: str) -> None:
    """Raise UsageError where a layer that needs `each` of `what` a pair of positions has too many pairs."""
    pairs = prod(size) ** 2
    if pairs > PAIRS:
        raise UsageError(
            f"{layer} on maps of {' x '.join(map(str, size))}",
            f"it takes {each * pairs:,} {what}, and {each * PAIRS:,} is the most that can be afforded",
            "Type a layer that is linear in positions, such as lambda, or a probe with smaller maps.",
        )


class Attention(Headed, nn.Module, ABC):
    """Linear maps of x, cut into heads, attend to each other: (batch, channels, *size) to the same shape.

    heads: must divide channels. maps: how many there are, as queries, keys and values; each has a bias, as
    the counts of Table 3 of Courtois et al. 2022 have it. out: whether a last linear map mixes the heads.
    encoding: None or a builder (channels, size, keys=, heads=) -> Encoding, for three maps alone, with the
    hooks `mix` and `turn`; who attends serves `bias`.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        maps: int = 3,
        out: bool = False,
        size: tuple[int, ...] = (),
        encoding: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.maps = nn.Linear(channels, maps * channels)
        self.out = nn.Linear(channels, channels) if out else nn.Identity()
        keys = channels // heads
        self.encoding: Any = None if encoding is None else encoding(channels, size, keys=keys, heads=heads)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.mapped(x)
        parts = rows.view(*rows.shape[:2], -1, self.heads, x.shape[1] // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(self.encoding, "turn"):
            q, k, v = parts
            y = self.attend(*self.encoding.turn(q, k), v)
        else:
            y = self.attend(*parts)
        z: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)

    def mapped(self, x: Tensor) -> Tensor:
        """Return the maps of each position, (batch, positions, maps * channels)."""
        if not hasattr(self.encoding, "mix"):
            y: Tensor = self.maps(x.flatten(2).mT)
            return y
        sources = (source.flatten(2).mT for source in self.encoding.mix(x))
        weights, biases = self.maps.weight.chunk(3), self.maps.bias.chunk(3)
        return torch.cat(list(map(functional.linear, sources, weights, biases)), 2)

    @abstractmethod
    def attend(self, *parts: Tensor) -> Tensor:
        """Return what each position receives; all are (batch, heads, positions, channels / heads)."""
