"""Learned Fourier features (Li et al., "Learnable Fourier Features for Multi-Dimensional Spatial Positional
Encoding", NeurIPS 2021, arXiv:2106.02795)."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

HIDDEN_WIDTH = 32


class Fourier(nn.Module):
    """Cosines and sines of learned frequencies, mapped and added to the inputs of q, k and v.

        P = W_2 GELU(W_1 [cos(W p), sin(W p)] / sqrt(F))

    p are the coordinates, 0 to 1 along each axis. W starts with deviation 1 / gamma, and is learned like all
    other weights.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        keys: not used.
        heads: not used.
        features: cosines and sines together, even.
        gamma: the larger, the smoother P is at first.
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
        coordinates = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        self.register_buffer("coordinates", coordinates, persistent=False)
        half = max(1, features // 2)
        self.frequencies = nn.Parameter(torch.randn(half, len(size)) / gamma)
        self.mlp = nn.Sequential(
            nn.Linear(2 * half, HIDDEN_WIDTH), nn.GELU(), nn.Linear(HIDDEN_WIDTH, channels)
        )

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of q, k and v, of the shape of x (batch, channels, *size)."""
        phase = self.get_buffer("coordinates") @ self.frequencies.mT
        features = torch.cat([phase.cos(), phase.sin()], -1) / phase.shape[-1] ** 0.5 / 2**0.5
        encoded = x + self.mlp(features).movedim(-1, 0).to(x.dtype)
        return encoded, encoded, encoded
