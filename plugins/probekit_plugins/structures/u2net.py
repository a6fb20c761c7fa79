"""U2-Net (Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.interfaces import Shape
from probekit_plugins.structures.blocks import (
    Builder,
    ChannelNorm,
    Nonlocal,
    Pointwise,
    convolution,
    resized,
)
from probekit_plugins.structures.unet import halved, strides


class Step(nn.Module):
    """GELU(LN(convolution)), three positions a side."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, ...], stride: Any = 1) -> None:
        super().__init__()
        self.convolution = convolution(size, inputs, outputs, 3, stride=stride)
        self.norm = ChannelNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.norm(self.convolution(x)))


class Nested(nn.Module):
    """The residual U-block: a map goes down to the smallest size and up again, and is added to itself."""

    def __init__(
        self, channels: int, sizes: list[tuple[int, ...]], layer: Builder | None, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        size = sizes[0]
        self.sizes = sizes
        self.downs = nn.ModuleList(Step(channels, channels, size, stride) for stride in strides(sizes))
        self.bottom = (
            Step(channels, channels, size) if layer is None else Nonlocal(channels, sizes[-1], layer, shared)
        )
        self.ups = nn.ModuleList(Step(2 * channels, channels, size) for _ in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for down in self.downs:
            skips.append(down(skips[-1]))
        y: Tensor = self.bottom(skips.pop())
        for up in self.ups:
            skip = skips.pop()
            y = up(torch.cat([resized(y, tuple(skip.shape[2:])), skip], 1))
        return x + y


class U2Net(nn.Module):
    """A U-Net whose every stage is one: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    The answer is a map of what each stage of the ascent says, brought to full size; the paper also puts a
    loss to each. One width at every scale, and layer normalisation in the place of the batch's, which would
    let items see each other.
    width: channels. downs: as of `unet`. Raises UsageError where the size cannot be halved that often.
    layer: builder (channels, size, shared) -> Module, hosted at the bottom of each stage.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        sizes, shared = halved(shape.size, downs), dict[str, Any]()
        self.size, stages = shape.size, range(len(sizes))
        self.stem = Step(shape.inputs, width, shape.size)
        self.descent = nn.ModuleList(Nested(width, sizes[at:], layer, shared) for at in stages)
        self.downs = nn.ModuleList(Step(width, width, shape.size, stride) for stride in strides(sizes))
        self.merges = nn.ModuleList(Pointwise(2 * width, width) for _ in sizes[1:])
        self.ascent = nn.ModuleList(Nested(width, sizes[at:], layer, shared) for at in stages[-2::-1])
        self.sides = nn.ModuleList(Pointwise(width, shape.outputs) for _ in stages)
        self.head = Pointwise(len(sizes) * shape.outputs, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.descent[0](self.stem(x))
        skips = [x]
        for down, stage in zip(self.downs, list(self.descent)[1:], strict=True):
            skips.append(stage(down(skips[-1])))
        found = [skips.pop()]
        for merge, stage in zip(self.merges, self.ascent, strict=True):
            skip = skips.pop()
            found.append(stage(merge(torch.cat([resized(found[-1], tuple(skip.shape[2:])), skip], 1))))
        told = [resized(side(one), self.size) for side, one in zip(self.sides, found, strict=True)]
        y: Tensor = self.head(torch.cat(told, 1))
        return y
