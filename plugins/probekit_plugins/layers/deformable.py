"""Modulated deformable convolution of Zhu et al., "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit_plugins.structures.blocks import convolution

SIDE = 7


class DeformableDepthwise(nn.Module):
    """A depthwise convolution of side 7 whose taps move and are weighed, position by position, alike for all channels.

    y[c, p] = bias[c] + sum over taps t of weight[c, t] * mask[t, p] * x[c, p + t + offset[t, p]], where x is read by
    linear interpolation and is zero outside the map. Offsets (in positions) and masks (through a sigmoid) come from a
    convolution of x of side 3 that starts at zero, as in the paper.
    (batch, channels, *size) to the same shape, 1-D or 2-D. Memory: the taps of one row of the kernel at a time, in the
    backward pass as well.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        dims = len(size)
        self.plan = convolution(size, channels, (dims + 1) * SIDE**dims, 3)
        nn.init.zeros_(self.plan.weight)
        nn.init.zeros_(self.plan.bias)
        self.weight = nn.Parameter(torch.empty(channels, SIDE ** (dims - 1), SIDE))
        self.bias = nn.Parameter(torch.empty(channels))
        bound = SIDE ** (-dims / 2)  # what a plain depthwise convolution starts with
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        plan = self.plan(x)
        with torch.autocast(x.device.type, enabled=False):  # half precision would blur the positions
            kind = torch.promote_types(x.dtype, torch.float32)
            maps, plan = x.to(kind), plan.to(kind)
            if x.ndim == 3:  # a map of one row, read by a kernel of one row
                maps, plan = maps.unsqueeze(2), plan.unsqueeze(2)
            y = self.sample(maps.contiguous(), plan.movedim(1, -1))
        return y.view_as(x)

    def sample(self, x: Tensor, plan: Tensor) -> Tensor:
        """Return the convolution of x (batch, channels, height, width) under the plan (batch, height, width, plan's channels).

        The plan's channels are the taps' offsets, (dx, dy) after one another, or dx in 1-D, then the masks' logits.
        """
        *_, height, width = x.shape
        rows = self.weight.shape[1]
        offsets = plan[..., : -rows * SIDE].unflatten(-1, (rows, SIDE, -1))
        masks = plan[..., -rows * SIDE :].sigmoid().unflatten(-1, (rows, SIDE))
        # grid_sample reads positions scaled so that the map's outer borders lie at -1 and 1
        taps = torch.arange(SIDE, device=x.device) - SIDE // 2
        across = 2 * (torch.arange(width, device=x.device)[:, None] + taps) + 1 - width  # (width, taps)
        down = 2 * (torch.arange(height, device=x.device)[:, None] + taps) + 1 - height  # (height, rows)
        if rows == 1:
            grid = functional.pad((2 * offsets + across[:, None, :, None]) / width, (0, 1))
        else:
            across, down = across[None, :, None, :], down[:, None, :, None]
            base = torch.stack([(across / width).expand(height, -1, rows, -1), (down / height).expand(-1, width, -1, SIDE)], -1)
            grid = torch.addcmul(base.to(x.dtype), offsets, offsets.new_tensor([2 / width, 2 / height]))
        y = self.bias.view(-1, 1, 1)
        for row in zip(grid.unbind(3), masks.unbind(3), self.weight.unbind(1), strict=True):
            y = y + checkpoint(gather, x, *row, use_reentrant=False)
        return y


def gather(x: Tensor, grid: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Return the sum over the taps of one kernel row of weight * mask * x at the grid's positions.

    x: (batch, channels, height, width). grid: (batch, height, width, taps, 2). mask: (batch, height, width, taps).
    weight: (channels, taps). Returns the shape of x.
    """
    seen = functional.grid_sample(x, grid.flatten(2, 3), padding_mode="zeros", align_corners=False)
    return (seen.unflatten(3, mask.shape[2:]) * mask.unsqueeze(1) @ weight[:, None, :, None]).squeeze(-1)


class Deformable(nn.Module):
    """Two modulated deformable depthwise convolutions in a row, as the row of Table 1 in Courtois et al. 2022 holds them."""

    hooks: frozenset[str] = frozenset()

    def __init__(self, channels: int, size: tuple[int, ...], *, encoding: None = None, shared: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.first = DeformableDepthwise(channels, size)
        self.second = DeformableDepthwise(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))
