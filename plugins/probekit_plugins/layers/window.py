"""Attention in windows (Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted
Windows", ICCV 2021, arXiv:2103.14030)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


def pad_shifted(window: int, shifted: bool) -> int:
    """Return by how many positions the first window begins before the map."""
    return (window - window // 2) % window if shifted else 0


class Window(Attention):
    """Dense attention within windows, head by head; linear in positions.

        y_n = O sum_(m in W(n)) softmax_m(q_n^T k_m / sqrt(d)) v_m

    W(n) is the window of n. No position sees beyond its own window, which may be smaller at the border of a
    map. The paper's relative bias is left out, as in all layers here: an encoding tells positions, or nothing
    does.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        window: its side in positions.
        shifted: shift the windows by half a side, as the paper does in every second layer. Where the paper
            masks windows that wrap round, windows here are smaller.
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
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
        super().__init__(channels, heads=heads, project_out=True)
        self.window, self.pad_before = window, pad_shifted(window, shifted)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, window: int, shifted: bool = False, **_: Any) -> str:
        """Return what windows amount to on a map: nothing, where one holds all positions."""
        if pad_shifted(window, shifted) + max(size) > window:
            return ""
        return f"one window of side {window} holds all positions. This is dense attention."

    def forward(self, x: Tensor) -> Tensor:
        return self.attend_windows(self.project_map(x))

    def project_map(self, x: Tensor) -> Tensor:
        """Return the projections as a map, (batch, projections * channels, *size)."""
        return self.project_inputs(x).mT.reshape(len(x), -1, *x.shape[2:])

    def attend_windows(self, projections: Tensor, *shared_parts: Tensor) -> Tensor:
        """Attend within each window.

        Args:
            projections: (batch, projections * channels, *size).
            shared_parts: what every window of an item also receives, (batch, ...) each.

        Returns:
            (batch, channels, *size).
        """
        size, counts = projections.shape[2:], []
        padding: list[int] = []
        for side in size:
            pad_after = -(side + self.pad_before) % self.window
            padding = [self.pad_before, pad_after, *padding]
            counts.append((self.pad_before + side + pad_after) // self.window)
        inside = functional.pad(projections.new_ones(1, 1, *size), padding)
        rows = self.partition_windows(functional.pad(projections, padding), counts)
        parts = rows.view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        visible = self.partition_windows(inside, counts)[:, :, 0].bool()
        # positions of the padding attend too, to themselves, and are cut off
        identity = torch.eye(visible.shape[1], dtype=torch.bool, device=projections.device)
        mask = visible[:, None, None] | identity
        repeated = (part.repeat_interleave(len(visible), 0) for part in shared_parts)
        y = self.attend_heads(*parts, mask.repeat(len(projections), 1, 1, 1), *repeated)
        rows = self.out_proj(y.transpose(1, 2).flatten(2))
        output = self.merge_windows(rows, len(projections), counts)
        for axis, side in enumerate(size, 2):
            output = output.narrow(axis, self.pad_before, side)
        return output

    def partition_windows(self, x: Tensor, counts: list[int]) -> Tensor:
        """Return the windows (batch * windows, positions, channels) of a map, `counts` along each axis."""
        split = x.reshape(*x.shape[:2], *(length for count in counts for length in (count, self.window)))
        order = (0, 2, 3, 1) if len(counts) == 1 else (0, 2, 4, 3, 5, 1)
        return split.permute(order).reshape(-1, self.window ** len(counts), x.shape[1])

    def merge_windows(self, rows: Tensor, batch: int, counts: list[int]) -> Tensor:
        """Undo `partition_windows`."""
        split = rows.view(batch, *counts, *(self.window,) * len(counts), -1)
        order = (0, 3, 1, 2) if len(counts) == 1 else (0, 5, 1, 3, 2, 4)
        size = [count * self.window for count in counts]
        return split.permute(order).reshape(batch, -1, *size)

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values of a window, weighted by the softmax of the scores."""
        q, k, v, mask = parts
        return functional.scaled_dot_product_attention(q, k, v, mask)
