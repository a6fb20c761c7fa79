"""Restormer (Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR
2022)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Shape
from probekit_plugins.layers.xca import XCA
from probekit_plugins.structures.blocks import (
    Builder,
    ChannelNorm,
    Pointwise,
    build_convolution,
    resize_map,
)
from probekit_plugins.structures.unet import halve_size, list_strides

HEADS = 4


def build_channel_attention(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Return the paper's layer: channels attend to channels."""
    return XCA(channels, size, heads=HEADS)


class GatedFeedForward(nn.Module):
    """O (GELU(a) * b), where a and b are depthwise convolutions of two maps of x (the paper's GDFN)."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        hidden_channels = 2 * round(2.66 * channels)
        self.project_in = Pointwise(channels, hidden_channels)
        self.dwconv = build_convolution(size, hidden_channels, hidden_channels, 3, groups=hidden_channels)
        self.project_out = Pointwise(hidden_channels // 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.dwconv(self.project_in(x)).chunk(2, 1)
        y: Tensor = self.project_out(functional.gelu(a) * b)
        return y


class Block(nn.Module):
    """x + layer(depthwise(LN x)), then x + ffn(LN x)."""

    def __init__(self, channels: int, size: tuple[int, ...], layer: Builder, shared: dict[str, Any]) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(channels), ChannelNorm(channels)
        self.depthwise = build_convolution(size, channels, channels, 3, groups=channels)
        self.layer = layer(channels, size, shared)
        self.ffn = GatedFeedForward(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer(self.depthwise(self.norm1(x)))
        y: Tensor = x + self.ffn(self.norm2(x))
        return y


class Restormer(nn.Module):
    """A U of blocks whose channels attend to channels.

    One width at every scale and one block per stage, where the paper doubles the width and has four to eight.
    The paper's depthwise convolutions of q, k and v are one before the layer here, so that any layer can be
    hosted.

    Args:
        shape: channels and size of inputs and outputs.
        width: number of channels.
        layer: builder (channels, size, shared) -> Module instead of `xca`.
        downs: as in `unet`.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Raises:
        UsageError: the size cannot be halved that often.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        sizes, shared = halve_size(shape.size, downs), dict[str, Any]()
        layer = layer or build_channel_attention
        self.sizes = sizes
        self.stem = build_convolution(shape.size, shape.inputs, width, 3)
        self.descent = nn.ModuleList(Block(width, size, layer, shared) for size in sizes[:-1])
        self.downs = nn.ModuleList(
            build_convolution(shape.size, width, width, 3, stride=stride) for stride in list_strides(sizes)
        )
        self.middle = Block(width, sizes[-1], layer, shared)
        self.ups = nn.ModuleList(build_convolution(shape.size, width, width, 3) for _ in sizes[:-1])
        self.merges = nn.ModuleList(Pointwise(2 * width, width) for _ in sizes[:-1])
        self.ascent = nn.ModuleList(Block(width, size, layer, shared) for size in sizes[-2::-1])
        self.head = build_convolution(shape.size, width, shape.outputs, 3)

    @staticmethod
    def width_step(**_: Any) -> int:
        """Return the number that the width must be a multiple of: the heads of the default layer."""
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
            x = block(merge(torch.cat([up(resize_map(x, size)), skips.pop()], 1)))
        y: Tensor = self.head(x)
        return y
