"""Rotary positions (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021,
arXiv:2104.09864), in 2-D axis by axis (Heo et al., "Rotary Position Embedding for Vision Transformer", ECCV
2024, arXiv:2403.13298)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn


class Rotary(nn.Module):
    """Rotate each pair of channels of q and k at position n by n w, so that q k depends on differences.

        (R(n w) q_n)^T R(m w) k_m = q_n^T R((m - n) w) k_m

    w falls from 1 to 1 / base, radians per position, over the pairs of a head that belong to an axis. Pairs
    belong to the axes in turn, so a head of two channels knows x and not y. An odd channel is not rotated.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        keys: channels of a head.
        heads: number of heads of the layer.
        base: the ratio of the fastest to the slowest frequency.
    """

    expected_failures: Mapping[str, str] = {
        "tells-positions-apart-along-each-axis": "a head of its layer has two channels here, so only x"
    }

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        keys: int,
        heads: int,
        base: PositiveFloat = 10_000.0,
    ) -> None:
        super().__init__()
        pairs = torch.arange(keys // 2)
        axes = len(size)
        exponents = (pairs // axes) / max(1, -(-len(pairs) // axes))
        frequencies = float(base) ** -exponents.double()
        grid = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
        coordinates = torch.stack(grid[::-1]).flatten(1)[pairs % axes]  # x first, as in reading order
        angles = (frequencies[:, None] * coordinates).mT.to(torch.get_default_dtype())
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def turn(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return q and k (batch, heads, positions, keys), rotated."""
        return self.rotate_pairs(q), self.rotate_pairs(k)

    def rotate_pairs(self, x: Tensor) -> Tensor:
        """Return x (batch, heads, positions, keys) with each pair rotated by its angle."""
        cosines, sines = (self.get_buffer(name).to(x.dtype) for name in ("cosines", "sines"))
        even = 2 * cosines.shape[1]
        a, b = x[..., 0:even:2], x[..., 1:even:2]
        rotated = torch.stack([a * cosines - b * sines, a * sines + b * cosines], -1).flatten(3)
        return torch.cat([rotated, x[..., even:]], -1)
