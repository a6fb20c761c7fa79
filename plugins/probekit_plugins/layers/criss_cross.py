"""Criss-cross attention (Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV 2019,
arXiv:1811.11721)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.structures.blocks import Pointwise


class CrissCross(nn.Module):
    """Each position attends to its own row and column, `times` times.

        y_n = sum_(m in C(n)) softmax_m(q_n^T k_m) v_m

    C(n) are the positions that share all coordinates but one with n; n itself counts once. q and k have an
    eighth of the channels. A map of height H and width W has H W (H + W - 1) pairs. In 1-D it is attention to
    all positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        times: how often, with the same weights. All but the last have a skip, so that two reach the whole
            map.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, times: PositiveInt = 2) -> None:
        super().__init__()
        self.times, self.qk_channels = times, max(1, channels // 8)
        self.in_proj = Pointwise(channels, 2 * self.qk_channels + channels)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, times: int, **_: Any) -> str:
        """Return what one axis amounts to: all positions."""
        if len(size) > 1:
            return ""
        return f"a map of one axis is read whole. This is dense attention of one head, applied {times} times."

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times - 1):
            x = x + self.attend_cross(x)
        return self.attend_cross(x)

    def attend_cross(self, x: Tensor) -> Tensor:
        """Attend once."""
        projections: Tensor = self.in_proj(x)
        q, k, v = projections.tensor_split([self.qk_channels, 2 * self.qk_channels], 1)
        scores, values = [], []
        for axis in range(2, x.ndim):
            # (batch, other sides, side, channels)
            axis_q, axis_k, axis_v = (part.movedim((1, axis), (-1, -2)) for part in (q, k, v))
            score = axis_q @ axis_k.mT
            if axis > 2:  # the position itself was counted along the first axis
                diagonal = torch.eye(score.shape[-1], dtype=torch.bool, device=x.device)
                score = score.masked_fill(diagonal, float("-inf"))
            scores.append(score.movedim(-2, axis - 1))
            values.append(axis_v)
        sides = [score.shape[-1] for score in scores]
        weights = torch.split(torch.cat(scores, -1).softmax(-1), sides, -1)
        outputs = [
            (weight.movedim(axis - 1, -2) @ axis_v).movedim((-1, -2), (1, axis))
            for axis, (weight, axis_v) in enumerate(zip(weights, values, strict=True), 2)
        ]
        y: Tensor = sum(outputs[1:], outputs[0])
        return y
