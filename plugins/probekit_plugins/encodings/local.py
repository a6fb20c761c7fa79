"""The local positional lambdas of Bello, "LambdaNetworks", ICLR 2021, arXiv:2102.08602: a convolution of the
values."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit.plugin.errors import UsageError

BLOCK = 8
"""The side of the blocks of positions that share one product of matrices."""


class Local(nn.Module):
    """A convolution of the values within a window, added to the layer's output, head by head.

        y_n = (sum_d E_d v_(n + d)^T + b)^T q_n

    E, a vector of keys for each displacement, and b are learned and shared by the heads: the weights of a
    Conv3d(1, keys, (1, window, window)) of the values, or its like in 1-D. Its output, keys times the map,
    never exists, as the queries are applied to E first. Positions outside the map are zero. Only differences
    of positions matter.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        keys: number of keys in each head.
        heads: number of heads of the layer.
        window: its side in positions, odd.

    Raises:
        UsageError: the window is even.
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
        """Return what `reference` returns, as a map (batch, channels, *size), in blocks."""
        q, v = (add_row_axis(maps()) for maps in (queries, values))
        height, width = v.shape[3:]
        rows, columns = block = min(BLOCK, height), min(BLOCK, width)
        row_margin, column_margin = (side // 2 for side in self.sides)
        fill_rows, fill_columns = -height % rows, -width % columns
        q = functional.pad(q, (0, fill_columns, 0, fill_rows))
        v = functional.pad(
            v, (column_margin, column_margin + fill_columns, row_margin, row_margin + fill_rows)
        )
        q_blocks = extract_windows(q, block, block)  # (batch, heads * blocks, positions of a block, keys)
        v_blocks = extract_windows(v, (rows + 2 * row_margin, columns + 2 * column_margin), block)
        shifted = self.shift_embedding(rows, columns)
        items = zip(q_blocks, v_blocks, strict=True)
        y = torch.stack([checkpoint(attend_blocks, *item, shifted, use_reentrant=False) for item in items])
        y = y + (q_blocks @ self.bias).unsqueeze(-1)
        grid = (v.shape[1], (height + fill_rows) // rows, (width + fill_columns) // columns)
        y = torch.unflatten(torch.unflatten(y, 1, grid), 4, block).permute(0, 1, 6, 2, 4, 3, 5)
        y = y.flatten(5).flatten(3, 4)[..., :height, :width]
        return y.flatten(1, 2).reshape(len(y), -1, *keys.shape[3:])

    def shift_embedding(self, rows: int, columns: int) -> Tensor:
        """Return E[m - n], (n, keys, m), for the positions n of a block and m in the windows around it."""
        window_rows, window_columns = self.sides
        padded = functional.pad(self.embedding, (columns - 1, columns - 1, rows - 1, rows - 1))
        shifted = padded.unfold(1, rows + window_rows - 1, 1).unfold(2, columns + window_columns - 1, 1)
        return shifted.flip(1, 2).flatten(3).flatten(1, 2).transpose(0, 1)


def add_row_axis(maps: Tensor) -> Tensor:
    """Return maps (batch, heads, n, *size) as (batch, heads, n, height, width); a 1-D map has one row."""
    return maps.unsqueeze(3) if maps.ndim == 4 else maps


def extract_windows(maps: Tensor, sides: tuple[int, int], step: tuple[int, int]) -> Tensor:
    """Return (batch, heads * windows, positions of a window, n) from (batch, heads, n, height, width)."""
    unfolded = maps.unfold(3, sides[0], step[0]).unfold(4, sides[1], step[1])
    return unfolded.permute(0, 1, 3, 4, 5, 6, 2).flatten(4, 5).flatten(1, 3)


def attend_blocks(q: Tensor, v: Tensor, shifted: Tensor) -> Tensor:
    """Return the answers of an item's blocks: (heads * blocks, positions of a block, channels)."""
    weights = q.transpose(0, 1) @ shifted  # (positions of a block, heads * blocks, positions around it)
    return weights.transpose(0, 1) @ v


def reference(q: Tensor, v: Tensor, embedding: Tensor, bias: Tensor) -> Tensor:
    """The local positional lambdas, displacement by displacement (Bello 2021, section 3.2).

    y[n] = sum over d of (q[n] E[d]) v[n + d] + q[n] b, where v is zero outside the map.

    Args:
        q: queries.
        v: values.
        embedding: E, a vector for each displacement, the one of zero in the middle.
        bias: b.

    Returns:
        y at each position.

    Shape:
        - q: (batch, heads, keys, height, width)
        - v, y: (batch, heads, channels / heads, height, width)
        - embedding: (keys, window rows, window columns), both odd
        - bias: (keys,)
    """
    height, width = v.shape[3:]
    rows, columns = embedding.shape[1:]
    padded = functional.pad(v, (columns // 2, columns // 2, rows // 2, rows // 2))
    y = torch.einsum("bhkyx,k->bhyx", q, bias)[:, :, None].expand_as(v)
    for i, j in product(range(rows), range(columns)):
        weights = torch.einsum("bhkyx,k->bhyx", q, embedding[:, i, j])
        shifted = padded[..., i : i + height, j : j + width]
        y = y + torch.einsum("bhyx,bhvyx->bhvyx", weights, shifted)
    return y
