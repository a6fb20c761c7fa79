"""Linformer's attention (Wang et al., "Linformer: Self-Attention with Linear Complexity", arXiv 2020)."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class Linformer(Attention):
    """y = softmax(q (E k)^T / sqrt(d)) E v, head by head: E projects the positions to `rank` of them.

    (batch, channels, *size) to the same shape. Time and memory are linear in positions. E, one matrix
    (rank x positions) a head, is learned, and shared by keys, values and all the layers of a network that
    have as many positions (the paper's layerwise sharing): it is found in `shared`, or put there.
    rank: no more than the positions. heads: must divide channels.
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

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the projected values, weighed by the softmax of the comparisons with the projected keys."""
        q, k, v = parts
        return functional.scaled_dot_product_attention(q, self.projection @ k, self.projection @ v)
