"""Restormer (Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR
2022)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.interfaces import Shape
from probekit_plugins.layers.xca import XCA
from probekit_plugins.structures.blocks import (
    Builder,
    ChannelNorm,
    Pointwise,
    convolution,
    resized,
)
from probekit_plugins.structures.unet import halved, strides

HEADS = 4


def channels_attend(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Build what the paper hosts: channels attend to channels."""
    return XCA(channels, size, heads=HEADS)


class Gated(nn.Module):
    """The paper's feed-forward network: O (GELU(a) * b), a and b depthwise convolutions of two maps of x."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        wide = 2 * round(2.66 * channels)
        self.maps = Pointwise(channels, wide)
        self.depthwise = convolution(size, wide, wide, 3, groups=wide)
        self.out = Pointwise(wide // 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.depthwise(self.maps(x)).chunk(2, 1)
        y: Tensor = self.out(functional.gelu(a) * b)
        return y


class Block(nn.Module):
    """x + layer(depthwise(LN x)), then x + gated(LN x)."""

    def __init__(self, channels: int, size: tuple[int, ...], layer: Builder, shared: dict[str, Any]) -> None:
        super().__init__()
        self.first, self.second = ChannelNorm(channels), ChannelNorm(channels)
        self.depthwise = convolution(size, channels, channels, 3, groups=channels)
        self.layer = layer(channels, size, shared)
        self.gated = Gated(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer(self.depthwise(self.first(x)))
        y: Tensor = x + self.gated(self.second(x))
        return y


class Restormer(nn.Module):
    """A U of blocks whose channels attend: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    One width at every scale and one block a stage, where the paper doubles the width and has four to eight;
    its depthwise convolutions of q, k and v are one before the layer here, so that any layer can be hosted.
    width: channels. downs: as of `unet`. Raises UsageError where the size cannot be halved that often.
    layer: builder (channels, size, shared) -> Module in the place of `xca`.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        sizes, shared = halved(shape.size, downs), dict[str, Any]()
        hosted = layer or channels_attend
        self.sizes = sizes
        self.stem = convolution(shape.size, shape.inputs, width, 3)
        self.descent = nn.ModuleList(Block(width, size, hosted, shared) for size in sizes[:-1])
        self.downs = nn.ModuleList(
            convolution(shape.size, width, width, 3, stride=stride) for stride in strides(sizes)
        )
        self.middle = Block(width, sizes[-1], hosted, shared)
        self.ups = nn.ModuleList(convolution(shape.size, width, width, 3) for _ in sizes[:-1])
        self.merges = nn.ModuleList(Pointwise(2 * width, width) for _ in sizes[:-1])
        self.ascent = nn.ModuleList(Block(width, size, hosted, shared) for size in sizes[-2::-1])
        self.head = convolution(shape.size, width, shape.outputs, 3)

    @staticmethod
    def width_step(**_: Any) -> int:
        """Return what the width must be a multiple of: the heads of the attention that it hosts by itself."""
        return HEADS

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.stem(x), []
        for block, down in zip(self.descent, self.downs, strict=True):
            x = block(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for size, up, merge, block in zip(
            self.sizes[-2::-1], self.ups, self.merges, self.ascent, strict=True
        ):
            x = block(merge(torch.cat([up(resized(x, size)), skips.pop()], 1)))
        y: Tensor = self.head(x)
        return y
