"""HRNet (Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", TPAMI 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

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
from probekit_plugins.structures.unet import halve_size


class Fusion(nn.Module):
    """One scale after fusion: itself plus 1 x 1 convolutions of all others, brought to its size."""

    def __init__(self, channels: int, index: int, sizes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.index, self.size = index, sizes[index]
        self.convolutions = nn.ModuleList(Pointwise(channels, channels) for _ in sizes[1:])

    def forward(self, maps: list[Tensor]) -> Tensor:
        sources = [x for index, x in enumerate(maps) if index != self.index]
        resized = (
            resize_map(convolve(x), self.size) for convolve, x in zip(self.convolutions, sources, strict=True)
        )
        return sum(resized, maps[self.index])


class Stage(nn.Module):
    """A block at each scale, then the fusion of all scales."""

    def __init__(
        self, channels: int, sizes: list[tuple[int, ...]], layer: Builder | None, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        self.local = nn.ModuleList(ConvNeXt(channels, size) for size in sizes)
        self.nonlocal_branches = nn.ModuleList(
            Bottleneck(channels) if layer is None else Nonlocal(channels, size, layer, shared)
            for size in sizes
        )
        self.fusions = nn.ModuleList(Fusion(channels, index, sizes) for index in range(len(sizes)))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        outputs = [
            branch(local(x))
            for local, branch, x in zip(self.local, self.nonlocal_branches, maps, strict=True)
        ]
        return [fusion(outputs) for fusion in self.fusions]


class HRNet(nn.Module):
    """Parallel scales, fused repeatedly.

    The first scale has the size of the map, to the end. Each stage adds a scale, half as large, and fuses
    all. Blocks are ConvNeXt's, where the paper has residual ones, all of one width.

    Args:
        shape: channels and size of inputs and outputs.
        width: number of channels.
        layer: builder (channels, size, shared) -> Module, hosted at each scale of each stage.
        scales: at most how many; by default as many as `unet` has.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Raises:
        UsageError: the size cannot be halved that often.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, scales: PositiveInt | None = None
    ) -> None:
        super().__init__()
        self.sizes = halve_size(shape.size, None if scales is None else scales - 1)
        shared: dict[str, Any] = {}
        self.stem = nn.Sequential(build_convolution(shape.size, shape.inputs, width, 3), ChannelNorm(width))
        self.stages = nn.ModuleList(
            Stage(width, self.sizes[: count + 1], layer, shared) for count in range(len(self.sizes))
        )
        self.transitions = nn.ModuleList(Pointwise(width, width) for _ in self.sizes[1:])
        self.head = Pointwise(len(self.sizes) * width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for count, stage in enumerate(self.stages):
            if count:
                maps.append(resize_map(self.transitions[count - 1](maps[-1]), self.sizes[count]))
            maps = stage(maps)
        y: Tensor = self.head(torch.cat([resize_map(scale_map, self.sizes[0]) for scale_map in maps], 1))
        return y
