"""Modulated deformable convolution (Zhu et al., "Deformable ConvNets v2", CVPR 2019), in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit_plugins.structures.blocks import convolution

SIDE = 7


class DeformableDepthwise(nn.Module):
    """A depthwise convolution of side 7 whose taps move and are weighed at each position.

    y[c, p] = bias[c] + sum over taps t of weight[c, t] * mask[t, p] * x[c, p + t + offset[t, p]], where x is
    read by linear interpolation and is zero outside the map. Offsets (in positions) and masks (through a
    sigmoid) are the same for all channels, from a convolution of x of side 3 that starts at zero, as there.
    (batch, channels, *size) to the same shape, 1-D or 2-D. Reads one row of the kernel at a time, in the
    backward pass as well: memory holds 7 maps at most, not 49.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        dims = len(size)
        self.plan = convolution(size, channels, (dims + 1) * SIDE**dims, 3)
        nn.init.zeros_(self.plan.weight)
        assert self.plan.bias is not None
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
            # a 1-D map is a map of one row, read by a kernel of one row
            maps = x.to(kind).reshape(*x.shape[:2], -1, x.shape[-1]).contiguous()
            plan = plan.to(kind).reshape(len(x), -1, *maps.shape[2:]).contiguous()
            return self.sample(maps, plan).view(x.shape)

    def sample(self, x: Tensor, plan: Tensor) -> Tensor:
        """Return x (batch, channels, height, width) convolved by a plan (batch, numbers, height, width).

        The plan's numbers: for each kernel row dx of its taps, then dy (2-D only); last the mask logits.
        """
        rows = self.weight.shape[1]
        offsets, logits = plan.split_with_sizes([plan.shape[1] - rows * SIDE, rows * SIDE], 1)
        shifts = torch.unflatten(offsets, 1, (rows, -1, SIDE)).unbind(1)
        masks = torch.unflatten(logits.sigmoid(), 1, (rows, SIDE)).unbind(1)
        y = self.bias.view(-1, 1, 1)
        for row, parts in enumerate(zip(shifts, masks, self.weight.unbind(1), strict=True)):
            y = y + checkpoint(gather, x, *parts, row - rows // 2, use_reentrant=False)
        return y


def gather(x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, below: int) -> Tensor:
    """Return the sum of weight * mask * x over the taps of one kernel row, `below` rows under the output.

    x: (batch, channels, height, width). offsets: (batch, 1 or 2, taps, height, width), dx then dy, in
    positions. mask: (batch, taps, height, width). weight: (channels, taps). Returns the shape of x.
    """
    batch, channels, height, width = x.shape
    taps = torch.arange(SIDE, device=x.device)[:, None, None] - SIDE // 2
    columns = torch.arange(width, device=x.device) + taps
    lines = torch.arange(height, device=x.device)[:, None] + below
    # grid_sample wants positions scaled so that the map's outer borders lie at -1 and 1
    dx, *dy = offsets.unbind(1)
    across = torch.add(((2 * columns + 1) / width - 1).to(x.dtype), dx, alpha=2 / width)
    down = torch.zeros_like(across)
    if dy:
        down = torch.add(((2 * lines + 1) / height - 1).to(x.dtype), dy[0], alpha=2 / height)
    grid = torch.stack([across, down], -1).flatten(1, 2)
    seen = functional.grid_sample(x, grid, padding_mode="zeros", align_corners=False)
    return (weight[:, None] @ (seen.view(batch, channels, SIDE, -1) * mask.flatten(2)[:, None])).view(x.shape)


class Deformable(nn.Module):
    """Two modulated deformable depthwise convolutions in a row, for Table 1 of Courtois et al. 2022.

    (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.first = DeformableDepthwise(channels, size)
        self.second = DeformableDepthwise(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x))
        return y
