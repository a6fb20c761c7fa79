"""Criss-cross attention (Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV
2019)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.structures.blocks import Pointwise


class CrissCross(nn.Module):
    """Each position attends to its own row and column, `times` times: (batch, channels, *size) to the same.

    y = sum softmax(q k) v over the positions that share all coordinates but one, its own counted once; q and
    k have an eighth of the channels. Of height and width H and W it compares H W (H + W - 1) pairs; in 1-D it
    is attention to all positions. times: with the same weights, the earlier ones with a skip, so that two
    reach the whole map.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, times: PositiveInt = 2) -> None:
        super().__init__()
        self.times, self.inside = times, max(1, channels // 8)
        self.maps = Pointwise(channels, 2 * self.inside + channels)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times - 1):
            x = x + self.cross(x)
        return self.cross(x)

    def cross(self, x: Tensor) -> Tensor:
        """Attend once."""
        made: Tensor = self.maps(x)
        q, k, v = made.tensor_split([self.inside, 2 * self.inside], 1)
        scores, values = [], []
        for axis in range(2, x.ndim):
            # (batch, others, side, side): who asks, who answers
            asks, answers, given = (part.movedim((1, axis), (-1, -2)) for part in (q, k, v))
            score = asks @ answers.mT
            if axis > 2:  # its own position was counted along the first axis
                own = torch.eye(score.shape[-1], dtype=torch.bool, device=x.device)
                score = score.masked_fill(own, float("-inf"))
            scores.append(score.movedim(-2, axis - 1))
            values.append(given)
        sides = [score.shape[-1] for score in scores]
        shares = torch.split(torch.cat(scores, -1).softmax(-1), sides, -1)
        found = [
            (share.movedim(axis - 1, -2) @ given).movedim((-1, -2), (1, axis))
            for axis, (share, given) in enumerate(zip(shares, values, strict=True), 2)
        ]
        y: Tensor = sum(found[1:], found[0])
        return y
