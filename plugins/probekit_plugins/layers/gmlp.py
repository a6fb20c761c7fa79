"""Spatial gating (Liu et al., "Pay Attention to MLPs", NeurIPS 2021, arXiv:2105.08050)."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from probekit_plugins.layers.attention import check_pair_limit


class GMLP(nn.Module):
    """A gate that mixes positions; quadratic in positions.

        [u, v] = GELU(W x), y = O (u * (S LN(v) + b))

    S mixes the N positions, N^2 parameters, the same for every channel. At first S is near zero and b one, so
    that positions pass unmixed, as in the paper.

    Shape:
        (batch, channels, *size) to the same shape.

    Raises:
        UsageError: the map has more than 4,096 positions.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        check_pair_limit("gmlp", size, 1, "parameters")
        positions = prod(size)
        self.in_proj = nn.Linear(channels, 2 * channels)
        self.norm = nn.LayerNorm(channels)
        self.spatial_proj = nn.Linear(positions, positions)
        nn.init.normal_(self.spatial_proj.weight, std=1e-3 / positions**0.5)
        nn.init.ones_(self.spatial_proj.bias)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        u, v = nn.functional.gelu(self.in_proj(x.flatten(2).mT)).chunk(2, 2)
        gate = self.spatial_proj(self.norm(v).mT).mT
        y: Tensor = self.out_proj(u * gate)
        return y.mT.reshape_as(x)
