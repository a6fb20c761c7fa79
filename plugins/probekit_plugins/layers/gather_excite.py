"""Gather and excite (Hu et al., "Gather-Excite: Exploiting Feature Context in CNNs", NeurIPS 2018,
arXiv:1810.12348)."""

from __future__ import annotations

from typing import Any

from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

POOLS = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


class GatherExcite(nn.Module):
    """Channels weighted by their means over blocks: the parameter-free form of the paper (its section 3).

        y_n = x_n * sigmoid(xbar_n)

    xbar is the mean over the block of n.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        extent: the side of a block in positions; blocks at the border may be smaller. 0: the whole map is
            one block.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, extent: NonNegativeInt = 0) -> None:
        super().__init__()
        self.extent = extent

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, extent: int, **_: Any) -> str:
        """Return what blocks amount to on a map: its mean, where one block that was typed holds it all."""
        return (
            f"one block of side {extent} holds the whole map, as with extent=0."
            if extent >= max(size)
            else ""
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        extent = self.extent or max(size)
        means = POOLS[len(size)](
            functional.pad(x, [0, 0] * len(size)), extent, ceil_mode=True, count_include_pad=False
        )
        for axis, side in enumerate(size, 2):
            means = means.repeat_interleave(extent, axis).narrow(axis, 0, side)
        return x * means.sigmoid()
