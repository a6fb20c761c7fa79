"""Modulated deformable convolution (Zhu et al., "Deformable ConvNets v2", CVPR 2019, arXiv:1811.11168), in
plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit_plugins.structures.blocks import build_convolution

SIDE = 7


class DeformableDepthwise(nn.Module):
    """A depthwise convolution of side 7 whose taps move and are weighted at each position.

    y[c, p] = bias[c] + sum over taps t of weight[c, t] * mask[t, p] * x[c, p + t + offset[t, p]], where x is
    read by linear interpolation and is zero outside the map. Offsets (in positions) and masks (through a
    sigmoid) are the same for all channels. A convolution of x of side 3 computes them; it starts at zero, as
    in the paper. One row of the kernel is read at a time, in the backward pass as well, so that memory holds
    at most 7 maps, not 49.

    Shape:
        (batch, channels, *size) to the same shape, 1-D or 2-D.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        dims = len(size)
        self.conv_offset = build_convolution(size, channels, (dims + 1) * SIDE**dims, 3)
        nn.init.zeros_(self.conv_offset.weight)
        assert self.conv_offset.bias is not None
        nn.init.zeros_(self.conv_offset.bias)
        self.weight = nn.Parameter(torch.empty(channels, SIDE ** (dims - 1), SIDE))
        self.bias = nn.Parameter(torch.empty(channels))
        bound = SIDE ** (-dims / 2)  # as a plain depthwise convolution starts
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        offsets = self.conv_offset(x)
        with torch.autocast(x.device.type, enabled=False):  # half precision would blur the positions
            dtype = torch.promote_types(x.dtype, torch.float32)
            # a 1-D map is a map of one row, read by a kernel of one row
            maps = x.to(dtype).reshape(*x.shape[:2], -1, x.shape[-1]).contiguous()
            offsets = offsets.to(dtype).reshape(len(x), -1, *maps.shape[2:]).contiguous()
            return self.convolve_taps(maps, offsets).view(x.shape)

    def convolve_taps(self, x: Tensor, offsets: Tensor) -> Tensor:
        """Return x convolved at the given offsets.

        Args:
            x: (batch, channels, height, width).
            offsets: (batch, numbers, height, width). For each kernel row dx of its taps, then dy (2-D only);
                last the mask logits.
        """
        rows = self.weight.shape[1]
        offsets, logits = offsets.split_with_sizes([offsets.shape[1] - rows * SIDE, rows * SIDE], 1)
        shifts = torch.unflatten(offsets, 1, (rows, -1, SIDE)).unbind(1)
        masks = torch.unflatten(logits.sigmoid(), 1, (rows, SIDE)).unbind(1)
        y = self.bias.view(-1, 1, 1)
        for row, parts in enumerate(zip(shifts, masks, self.weight.unbind(1), strict=True)):
            y = y + checkpoint(convolve_row, x, *parts, row - rows // 2, use_reentrant=False)
        return y


def convolve_row(x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, row_shift: int) -> Tensor:
    """Return the sum of weight * mask * x over the taps of one kernel row.

    Args:
        x: (batch, channels, height, width).
        offsets: (batch, 1 or 2, taps, height, width), dx then dy, in positions.
        mask: (batch, taps, height, width).
        weight: (channels, taps).
        row_shift: how many rows under the output the kernel row lies.

    Returns:
        The shape of x.
    """
    batch, channels, height, width = x.shape
    taps = torch.arange(SIDE, device=x.device)[:, None, None] - SIDE // 2
    columns = torch.arange(width, device=x.device) + taps
    rows = torch.arange(height, device=x.device)[:, None] + row_shift
    # grid_sample wants positions scaled so that the map's outer borders lie at -1 and 1
    dx, *dy = offsets.unbind(1)
    grid_x = torch.add(((2 * columns + 1) / width - 1).to(x.dtype), dx, alpha=2 / width)
    grid_y = torch.zeros_like(grid_x)
    if dy:
        grid_y = torch.add(((2 * rows + 1) / height - 1).to(x.dtype), dy[0], alpha=2 / height)
    grid = torch.stack([grid_x, grid_y], -1).flatten(1, 2)
    samples = functional.grid_sample(x, grid, padding_mode="zeros", align_corners=False)
    masked = samples.view(batch, channels, SIDE, -1) * mask.flatten(2)[:, None]
    return (weight[:, None] @ masked).view(x.shape)


class Deformable(nn.Module):
    """Two modulated deformable depthwise convolutions in a row, for Table 1 of Courtois et al. 2022.

        y_p = b + sum_t m_(t,p) w_t * x_(p + t + o_(t,p))

    is one of them. At each position p its taps t, 7 along each axis, move by offsets o and are weighted by m.
    Convolutions of x compute both.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.first = DeformableDepthwise(channels, size)
        self.second = DeformableDepthwise(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x))
        return y
