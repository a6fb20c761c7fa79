"""The local positional lambdas of Bello, "LambdaNetworks", ICLR 2021: a convolution of the values."""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit.errors import UsageError

BLOCK = 8
"""The side of the blocks of positions that share one product of matrices."""


class Local(nn.Module):
    """y_pos[n] = (sum over d of E[d] v[n + d]^T + b)^T q[n], d within a window, head by head.

    E, a vector of keys for each displacement, and b are learned and shared by the heads: the weights of a
    Conv3d(1, keys, (1, window, window)) of the values, or its like in 1-D. Its output, keys times the map,
    is never made, as the queries are applied to E first. Positions outside the map are zero. It knows
    differences of positions only. window: odd; else raises UsageError.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, keys: int, heads: int, window: PositiveInt = 7
    ) -> None:
        super().__init__()
        if window % 2 == 0:
            raise UsageError(
                f"local(window={window})",
                "a window has its position in the middle, so its side is odd",
                f"Type local(window={window + 1}).",
            )
        # a 1-D map is a map of one row, seen through a window of one row
        self.sides = (window if len(size) == 2 else 1, window)
        self.embedding = nn.Parameter(torch.empty(keys, *self.sides))
        self.bias = nn.Parameter(torch.empty(keys))
        bound = (self.sides[0] * self.sides[1]) ** -0.5  # as the convolution starts
        nn.init.uniform_(self.embedding, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def position(self, queries: Callable[[], Tensor], keys: Tensor, values: Callable[[], Tensor]) -> Tensor:
        """Return y_pos (batch, channels, *size) from the maps q and v."""
        q, v = (two_dimensional(maps()) for maps in (queries, values))
        height, width = v.shape[3:]
        rows, columns = block = min(BLOCK, height), min(BLOCK, width)
        tall, wide = (side // 2 for side in self.sides)
        fill_rows, fill_columns = -height % rows, -width % columns
        q = functional.pad(q, (0, fill_columns, 0, fill_rows))
        v = functional.pad(v, (wide, wide + fill_columns, tall, tall + fill_rows))
        asked = windows(q, block, block)  # (batch, heads * blocks, positions of a block, keys)
        seen = windows(v, (rows + 2 * tall, columns + 2 * wide), block)  # the same of all a block sees
        table = self.table(rows, columns)
        items = zip(asked, seen, strict=True)
        y = torch.stack([checkpoint(look, *item, table, use_reentrant=False) for item in items])
        y = y + (asked @ self.bias).unsqueeze(-1)
        grid = (v.shape[1], (height + fill_rows) // rows, (width + fill_columns) // columns)
        y = torch.unflatten(torch.unflatten(y, 1, grid), 4, block).permute(0, 1, 6, 2, 4, 3, 5)
        y = y.flatten(5).flatten(3, 4)[..., :height, :width]
        return y.flatten(1, 2).reshape(len(y), -1, *keys.shape[3:])

    def table(self, rows: int, columns: int) -> Tensor:
        """Return E[m - n], (n, keys, m), for the positions n of a block and m of what it sees."""
        tall, wide = self.sides
        padded = functional.pad(self.embedding, (columns - 1, columns - 1, rows - 1, rows - 1))
        shifted = padded.unfold(1, rows + tall - 1, 1).unfold(2, columns + wide - 1, 1).flip(1, 2)
        return shifted.flatten(3).flatten(1, 2).transpose(0, 1)


def two_dimensional(maps: Tensor) -> Tensor:
    """Return maps (batch, heads, n, *size) as (batch, heads, n, height, width); a 1-D map has one row."""
    return maps.unsqueeze(3) if maps.ndim == 4 else maps


def windows(maps: Tensor, sides: tuple[int, int], step: tuple[int, int]) -> Tensor:
    """Return (batch, heads * windows, positions of a window, n) from (batch, heads, n, height, width)."""
    cut = maps.unfold(3, sides[0], step[0]).unfold(4, sides[1], step[1])
    return cut.permute(0, 1, 3, 4, 5, 6, 2).flatten(4, 5).flatten(1, 3)


def look(asked: Tensor, seen: Tensor, table: Tensor) -> Tensor:
    """Return what the blocks of an item see: (heads * blocks, positions of a block, channels)."""
    weights = asked.transpose(0, 1) @ table  # (positions of a block, heads * blocks, positions seen)
    return weights.transpose(0, 1) @ seen
