"""Multi-head attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017), but for who attends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any

from torch import Tensor, nn

from probekit.errors import UsageError

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


class Attention(nn.Module, ABC):
    """Linear maps of x, cut into heads, attend to each other: (batch, channels, *size) to the same shape.

    heads: must divide channels. maps: how many there are, as queries, keys and values; each has a bias, as
    the counts of Table 3 of Courtois et al. 2022 have it. out: whether a last linear map mixes the heads.
    """

    def __init__(self, channels: int, *, heads: int, maps: int = 3, out: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.maps = nn.Linear(channels, maps * channels)
        self.out = nn.Linear(channels, channels) if out else nn.Identity()

    @staticmethod
    def width_step(*, heads: int = 8, **_: Any) -> int:
        """Return what the width must be a multiple of: the number of heads."""
        return heads

    def forward(self, x: Tensor) -> Tensor:
        rows = self.maps(x.flatten(2).mT)  # (batch, positions, maps * channels)
        parts = rows.unflatten(2, (-1, self.heads, x.shape[1] // self.heads)).permute(2, 0, 3, 1, 4)
        y: Tensor = self.out(self.attend(*parts).transpose(1, 2).flatten(2))
        return y.mT.reshape_as(x)

    @abstractmethod
    def attend(self, *parts: Tensor) -> Tensor:
        """Return what each position receives; all are (batch, heads, positions, channels / heads)."""
