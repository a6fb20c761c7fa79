"""Rotary positions (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021), in 2-D
axis by axis (Heo et al., "Rotary Position Embedding for Vision Transformer", ECCV 2024)."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn


class Rotary(nn.Module):
    """q and k of position n are turned by n w, pair of channels by pair: what q k tells hangs on differences.

    w falls from 1 to 1 / base, radians a position, over the pairs of a head that an axis has; the pairs go to
    the axes in turn, and an odd channel is left as it is.
    """

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
        share = (pairs // axes) / max(1, -(-len(pairs) // axes))
        waves = float(base) ** -share.double()
        places = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
        place = torch.stack(places[::-1]).flatten(1)[pairs % axes]  # x first, as in reading order
        angle = (waves[:, None] * place).mT.to(torch.get_default_dtype())
        self.register_buffer("cosines", angle.cos(), persistent=False)
        self.register_buffer("sines", angle.sin(), persistent=False)

    def turn(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return q and k (batch, heads, positions, keys), turned."""
        return self.turned(q), self.turned(k)

    def turned(self, x: Tensor) -> Tensor:
        """Return each pair of x (batch, heads, positions, keys), turned by its angle."""
        cosines, sines = (self.get_buffer(name).to(x.dtype) for name in ("cosines", "sines"))
        even = 2 * cosines.shape[1]
        a, b = x[..., 0:even:2], x[..., 1:even:2]
        turned = torch.stack([a * cosines - b * sines, a * sines + b * cosines], -1).flatten(3)
        return torch.cat([turned, x[..., even:]], -1)
