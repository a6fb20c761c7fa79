"""Attention in windows (Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted
Windows", ICCV 2021)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class Window(Attention):
    """Dense attention within windows of `window` positions a side.

    (batch, channels, *size) to the same shape. Linear in positions; no position sees beyond its own window,
    which at the border of a map is smaller. shifted: the windows are laid half a side further, as the paper
    does in every second layer; what it masks of windows that wrap round are the smaller ones here. Its
    relative bias is left out, as of all layers here: a position is told by an encoding or not at all. heads:
    must divide channels.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        window: PositiveInt = 7,
        shifted: bool = False,
        heads: PositiveInt = 8,
    ) -> None:
        super().__init__(channels, heads=heads, out=True)
        self.window, self.before = window, (window - window // 2) % window if shifted else 0

    def forward(self, x: Tensor) -> Tensor:
        return self.windowed(self.laid(x))

    def laid(self, x: Tensor) -> Tensor:
        """Return the maps of each position where it lies, (batch, maps * channels, *size)."""
        return self.mapped(x).mT.reshape(len(x), -1, *x.shape[2:])

    def windowed(self, made: Tensor, *beside: Tensor) -> Tensor:
        """Return what each position receives, (batch, channels, *size), of its window.

        made: maps (batch, maps * channels, *size). beside: what every window of an item is given besides,
        (batch, ...) each.
        """
        size, sides = made.shape[2:], []
        padding: list[int] = []
        for side in size:
            after = -(side + self.before) % self.window
            padding = [self.before, after, *padding]
            sides.append((self.before + side + after) // self.window)
        there = functional.pad(made.new_ones(1, 1, *size), padding)
        rows = self.cut(functional.pad(made, padding), sides)
        parts = rows.view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = self.cut(there, sides)[:, :, 0].bool()
        # who is not there asks too, and is cut off: it may see itself
        mask = seen[:, None, None] | torch.eye(seen.shape[1], dtype=torch.bool, device=made.device)
        each = (part.repeat_interleave(len(seen), 0) for part in beside)
        y = self.attend(*parts, mask.repeat(len(made), 1, 1, 1), *each)
        whole = self.whole(self.out(y.transpose(1, 2).flatten(2)), len(made), sides)
        for axis, side in enumerate(size, 2):
            whole = whole.narrow(axis, self.before, side)
        return whole

    def cut(self, x: Tensor, sides: list[int]) -> Tensor:
        """Return windows (batch * windows, positions, channels) of a map that they fill."""
        apart = x.reshape(*x.shape[:2], *(length for side in sides for length in (side, self.window)))
        order = (0, 2, 3, 1) if len(sides) == 1 else (0, 2, 4, 3, 5, 1)
        return apart.permute(order).reshape(-1, self.window ** len(sides), x.shape[1])

    def whole(self, rows: Tensor, batch: int, sides: list[int]) -> Tensor:
        """Return the map of windows, the inverse of `cut`."""
        cells = rows.view(batch, *sides, *(self.window,) * len(sides), -1)
        order = (0, 3, 1, 2) if len(sides) == 1 else (0, 5, 1, 3, 2, 4)
        size = [side * self.window for side in sides]
        return cells.permute(order).reshape(batch, -1, *size)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values of a window, weighed by the softmax of the comparisons."""
        q, k, v, mask = parts
        return functional.scaled_dot_product_attention(q, k, v, mask)
