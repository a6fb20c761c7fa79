"""The U-Net of Courtois et al. 2022 (section 4): one width, parallel local and nonlocal modules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.blocks import (
    Bottleneck,
    Builder,
    ChannelNorm,
    ConvNeXt,
    Nonlocal,
    Pointwise,
    build_convolution,
    resize_map,
)

SMALLEST = 4


class Stage(nn.Module):
    """One scale: returns (batch, 2 * channels, *size), local and nonlocal outputs, and the local alone."""

    def __init__(
        self, channels: int, size: tuple[int, ...], layer: Builder | None, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        self.local = nn.Sequential(ConvNeXt(channels, size), Bottleneck(channels))
        self.nonlocal_branch = nn.Identity() if layer is None else Nonlocal(channels, size, layer, shared)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        local = self.local(x)
        return torch.cat([local, self.nonlocal_branch(x)], 1), local


class Up(nn.Module):
    """Bring a map to `size` by linear interpolation and convolution, then merge the skip connection in."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.convolution = build_convolution(size, 2 * channels, channels, 3)
        self.merge = Pointwise(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.merge(torch.cat([self.convolution(resize_map(x, self.size)), skip], 1))
        return y


class UNet(nn.Module):
    """A U-Net whose stages host a layer.

    The paper's appendix is not public, so the skeleton is recovered from its parameter counts: exact for
    global average pooling and global context, up to 3.4 % off in the other rows of Table 1 (see its tests).

    Args:
        shape: channels and size of inputs and outputs.
        width: channels at every scale.
        layer: builder (channels, size, shared) -> Module, called for each of the 2 * downs + 1 stages with
            one dict `shared`. Without it a stage's input replaces the nonlocal module's output.
        downs: how often the map is halved; by default until every side would fall below 4 (5 times at
            128 x 128). A side that has come that far waits for the longer one: 16 x 128 ends at 4 x 4 as
            well.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Raises:
        UsageError: the size cannot be halved that often.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        sizes = halve_size(shape.size, downs)
        shared: dict[str, Any] = {}
        self.stem = nn.Sequential(build_convolution(shape.size, shape.inputs, width, 7), ChannelNorm(width))
        self.descent = nn.ModuleList(Stage(width, size, layer, shared) for size in sizes[:-1])
        self.downs = nn.ModuleList(
            build_convolution(shape.size, 2 * width, width, 3, stride=stride)
            for stride in list_strides(sizes)
        )
        self.middle = Stage(width, sizes[-1], layer, shared)
        self.ups = nn.ModuleList(Up(width, size) for size in sizes[-2::-1])
        self.ascent = nn.ModuleList(Stage(width, size, layer, shared) for size in sizes[-2::-1])
        self.head = Pointwise(2 * width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        x = self.stem(x)
        skips = []
        for stage, down in zip(self.descent, self.downs, strict=True):
            joined, local = stage(x)
            skips.append(local)
            x = down(joined)
        joined, _ = self.middle(x)
        for up, stage in zip(self.ups, self.ascent, strict=True):
            joined, _ = stage(up(joined, skips.pop()))
        y: Tensor = self.head(joined)
        return y


def halve_size(size: tuple[int, ...], downs: int | None) -> list[tuple[int, ...]]:
    """Return the sizes of a map halved `downs` times, by default while a side stays at 4 or above.

    Each time the sides are halved that stay at 4 or above; where none would, all are.

    Raises:
        UsageError: a side that is to be halved is odd.
    """
    sizes = [size]
    while downs is None or len(sizes) - 1 != downs:
        last = sizes[-1]
        long = {side for side in last if side >= 2 * SMALLEST}
        if downs is None and not long:
            break
        chosen = long or set(last)
        if any(side % 2 for side in chosen):
            possible = len(sizes) - 1
            raise UsageError(
                f"unet{'' if downs is None else f'(downs={downs})'} on maps of {' x '.join(map(str, size))}",
                f"more than downs={possible} would halve an odd side",
                f"Type unet(downs={possible}).",
            )
        sizes.append(tuple(side // 2 if side in chosen else side for side in last))
    return sizes


def list_strides(sizes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the strides that lead from each size to the next."""
    return [
        tuple(side // next_side for side, next_side in zip(size, next_size, strict=True))
        for size, next_size in pairwise(sizes)
    ]
