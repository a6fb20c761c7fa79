"""Spatial gating (Liu et al., "Pay Attention to MLPs", NeurIPS 2021)."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from probekit_plugins.layers.attention import refuse_dense


class GMLP(nn.Module):
    """u, v = GELU(W x); y = O (u * (S LN(v) + b)): (batch, channels, *size) to the same shape.

    S mixes the N positions, N^2 parameters, the same for every channel: raises UsageError beyond 4,096
    positions. At first S is near zero and b one, so that positions pass unmixed, as the paper has it.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        refuse_dense("gmlp", size, 1, "parameters")
        positions = prod(size)
        self.maps = nn.Linear(channels, 2 * channels)
        self.norm = nn.LayerNorm(channels)
        self.spatial = nn.Linear(positions, positions)
        nn.init.normal_(self.spatial.weight, std=1e-3 / positions**0.5)
        nn.init.ones_(self.spatial.bias)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        u, v = nn.functional.gelu(self.maps(x.flatten(2).mT)).chunk(2, 2)
        gate = self.spatial(self.norm(v).mT).mT
        y: Tensor = self.out(u * gate)
        return y.mT.reshape_as(x)
