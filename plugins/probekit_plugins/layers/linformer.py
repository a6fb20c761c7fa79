"""Linformer's attention (Wang et al., "Linformer: Self-Attention with Linear Complexity", 2020,
arXiv:2006.04768)."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class Linformer(Attention):
    """Attention to `rank` projected positions, head by head.

        y = softmax(q (E k)^T / sqrt(d)) E v

    Time and memory are linear in positions. E, one matrix (rank x positions) per head, is learned. Keys,
    values and all layers of a network that have as many positions share it (the paper's layerwise sharing).
    The paper's last linear map is left out. A random E does not approximate dense attention at any rank, not
    even as many as positions: what E is good for, it learns.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        shared: what the layers of a network share; E is taken from here, or stored here.
        rank: at most the number of positions.
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        shared: dict[str, Any] | None = None,
        rank: PositiveInt = 32,
        heads: PositiveInt = 8,
    ) -> None:
        super().__init__(channels, heads=heads)
        positions = prod(size)
        shared = {} if shared is None else shared
        key = f"linformer of {positions}"
        if key not in shared:
            projection = torch.empty(heads, min(rank, positions), positions)
            shared[key] = nn.Parameter(nn.init.uniform_(projection, -(positions**-0.5), positions**-0.5))
        self.projection: nn.Parameter = shared[key]

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, rank: int, **_: Any) -> str:
        """Return what the projection amounts to on a map: no saving, from half as many as positions on."""
        positions = prod(size)
        if rank >= positions:
            return (
                "E is square and loses nothing: with E the identity this is dense attention, at more "
                "operations than dense attention takes."
            )
        if 2 * rank >= positions:
            return (
                f"with rank {rank} it takes at least as many operations as dense attention, so the "
                "projection saves nothing."
            )
        return ""

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the projected values, weighted by the softmax of the scores with the projected keys."""
        q, k, v = parts
        return functional.scaled_dot_product_attention(q, self.projection @ k, self.projection @ v)
