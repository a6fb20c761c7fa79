"""Multi-head attention (Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762), base of
other layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.errors import UsageError
from probekit_plugins.layers.multi_head import MultiHead

MAX_PAIRS = 4096**2


def check_pair_limit(layer: str, size: tuple[int, ...], count_per_pair: int, unit: str) -> None:
    """Refuse a layer whose memory or parameters grow with pairs of positions on a map that is too large.

    Args:
        layer: its name, for the message.
        size: of the map, (length,) or (height, width).
        count_per_pair: how many numbers the layer needs for each pair of positions.
        unit: what these numbers are, in words.

    Raises:
        UsageError: the map has more than 4,096 positions.
    """
    pairs = prod(size) ** 2
    if pairs > MAX_PAIRS:
        raise UsageError(
            f"{layer} on maps of {' x '.join(map(str, size))}",
            f"it takes {count_per_pair * pairs:,} {unit}, and the limit is {count_per_pair * MAX_PAIRS:,}",
            "Type a layer that is linear in positions, such as lambda, or a probe with smaller maps.",
        )


class Attention(MultiHead, nn.Module, ABC):
    """Projections of x, split into heads that attend to each other.

    Args:
        channels: number of channels.
        heads: must divide the channels.
        projections: how many projections of x there are, as q, k and v. Each has a bias, as the counts of
            Table 3 of Courtois et al. 2022 have it.
        project_out: whether a last linear map mixes the heads.
        size: of the map, (length,) or (height, width), for the encoding.
        encoding: None, or a builder (channels, size, keys=, heads=) -> Encoding with the hooks `mix` and
            `turn`, for three projections only. Subclasses serve the hook `bias`.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        projections: int = 3,
        project_out: bool = False,
        size: tuple[int, ...] = (),
        encoding: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(channels, projections * channels)
        self.out_proj = nn.Linear(channels, channels) if project_out else nn.Identity()
        keys = channels // heads
        self.encoding: Any = None if encoding is None else encoding(channels, size, keys=keys, heads=heads)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.project_inputs(x)
        parts = rows.view(*rows.shape[:2], -1, self.heads, x.shape[1] // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(self.encoding, "turn"):
            q, k, v = parts
            y = self.attend_heads(*self.encoding.turn(q, k), v)
        else:
            y = self.attend_heads(*parts)
        z: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)

    def project_inputs(self, x: Tensor) -> Tensor:
        """Return the projections of each position, (batch, positions, projections * channels)."""
        if not hasattr(self.encoding, "mix"):
            y: Tensor = self.in_proj(x.flatten(2).mT)
            return y
        sources = (source.flatten(2).mT for source in self.encoding.mix(x))
        weights, biases = self.in_proj.weight.chunk(3), self.in_proj.bias.chunk(3)
        return torch.cat(list(map(functional.linear, sources, weights, biases)), 2)

    @abstractmethod
    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return each position's answer; all tensors are (batch, heads, positions, channels / heads)."""
