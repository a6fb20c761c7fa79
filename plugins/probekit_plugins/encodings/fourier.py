"""Learned Fourier features (Li et al., "Learnable Fourier Features for Multi-Dimensional Spatial Positional
Encoding", NeurIPS 2021)."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

WIDE = 32


class Fourier(nn.Module):
    """P = W2 GELU(W1 [cos(W p), sin(W p)] / sqrt(features)), added to what q, k and v read.

    p are the coordinates, 0 to 1 along each axis; W is drawn with deviation 1 / gamma, and learned as all the
    rest. features: cosines and sines together, even.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        keys: int,
        heads: int,
        features: PositiveInt = 64,
        gamma: PositiveFloat = 0.1,
    ) -> None:
        super().__init__()
        axes = [torch.linspace(0, 1, side) for side in size]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        self.register_buffer("places", places, persistent=False)
        half = max(1, features // 2)
        self.waves = nn.Parameter(torch.randn(half, len(size)) / gamma)
        self.map = nn.Sequential(nn.Linear(2 * half, WIDE), nn.GELU(), nn.Linear(WIDE, channels))

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what q, k and v read, of the shape of x (batch, channels, *size)."""
        phase = self.get_buffer("places") @ self.waves.mT
        features = torch.cat([phase.cos(), phase.sin()], -1) / phase.shape[-1] ** 0.5 / 2**0.5
        placed = x + self.map(features).movedim(-1, 0).to(x.dtype)
        return placed, placed, placed
