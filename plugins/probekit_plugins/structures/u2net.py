"""U2-Net (Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.blocks import (
    Builder,
    ChannelNorm,
    Nonlocal,
    Pointwise,
    build_convolution,
    resize_map,
)
from probekit_plugins.structures.unet import halve_size, list_strides


class ConvBlock(nn.Module):
    """GELU(LN(convolution of side 3))."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, ...], stride: Any = 1) -> None:
        super().__init__()
        self.convolution = build_convolution(size, inputs, outputs, 3, stride=stride)
        self.norm = ChannelNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.norm(self.convolution(x)))


class ResidualUBlock(nn.Module):
    """The residual U-block: a map goes down to the smallest size and up again, and is added to itself."""

    def __init__(
        self, channels: int, sizes: list[tuple[int, ...]], layer: Builder | None, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        size = sizes[0]
        self.sizes = sizes
        self.downs = nn.ModuleList(
            ConvBlock(channels, channels, size, stride) for stride in list_strides(sizes)
        )
        self.bottom = (
            ConvBlock(channels, channels, size)
            if layer is None
            else Nonlocal(channels, sizes[-1], layer, shared)
        )
        self.ups = nn.ModuleList(ConvBlock(2 * channels, channels, size) for _ in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for down in self.downs:
            skips.append(down(skips[-1]))
        y: Tensor = self.bottom(skips.pop())
        for up in self.ups:
            skip = skips.pop()
            y = up(torch.cat([resize_map(y, tuple(skip.shape[2:])), skip], 1))
        return x + y


class U2Net(nn.Module):
    """A U-Net whose every stage is a U-Net.

    The answer is a map of the outputs of all stages of the ascent, brought to full size; the paper also has a
    loss for each of them. One width at every scale, and layer normalisation instead of batch normalisation,
    which would let items see each other.

    Args:
        shape: channels and size of inputs and outputs.
        width: number of channels.
        layer: builder (channels, size, shared) -> Module, hosted at the bottom of each stage.
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
        self.size, stages = shape.size, range(len(sizes))
        self.stem = ConvBlock(shape.inputs, width, shape.size)
        self.descent = nn.ModuleList(ResidualUBlock(width, sizes[stage:], layer, shared) for stage in stages)
        self.downs = nn.ModuleList(
            ConvBlock(width, width, shape.size, stride) for stride in list_strides(sizes)
        )
        self.merges = nn.ModuleList(Pointwise(2 * width, width) for _ in sizes[1:])
        self.ascent = nn.ModuleList(
            ResidualUBlock(width, sizes[stage:], layer, shared) for stage in stages[-2::-1]
        )
        self.side_outputs = nn.ModuleList(Pointwise(width, shape.outputs) for _ in stages)
        self.head = Pointwise(len(sizes) * shape.outputs, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.descent[0](self.stem(x))
        skips = [x]
        for down, stage in zip(self.downs, list(self.descent)[1:], strict=True):
            skips.append(stage(down(skips[-1])))
        maps = [skips.pop()]
        for merge, stage in zip(self.merges, self.ascent, strict=True):
            skip = skips.pop()
            maps.append(stage(merge(torch.cat([resize_map(maps[-1], tuple(skip.shape[2:])), skip], 1))))
        outputs = [
            resize_map(side_output(stage_map), self.size)
            for side_output, stage_map in zip(self.side_outputs, maps, strict=True)
        ]
        y: Tensor = self.head(torch.cat(outputs, 1))
        return y
