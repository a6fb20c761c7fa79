"""HRNet (Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", TPAMI 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit.interfaces import Shape
from probekit_plugins.structures.blocks import (
    Bottleneck,
    Builder,
    ChannelNorm,
    ConvNeXt,
    Nonlocal,
    Pointwise,
    convolution,
    resized,
)
from probekit_plugins.structures.unet import halved


class Arrival(nn.Module):
    """What one scale becomes: itself plus 1 x 1 convolutions of all others, brought to its size."""

    def __init__(self, channels: int, place: int, sizes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.place, self.size = place, sizes[place]
        self.maps = nn.ModuleList(Pointwise(channels, channels) for _ in sizes[1:])

    def forward(self, several: list[Tensor]) -> Tensor:
        others = [x for at, x in enumerate(several) if at != self.place]
        more = (resized(to(x), self.size) for to, x in zip(self.maps, others, strict=True))
        return sum(more, several[self.place])


class Stage(nn.Module):
    """A block at each of some scales, which are fused after it."""

    def __init__(
        self, channels: int, sizes: list[tuple[int, ...]], layer: Builder | None, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        self.local = nn.ModuleList(ConvNeXt(channels, size) for size in sizes)
        self.beside = nn.ModuleList(
            Bottleneck(channels) if layer is None else Nonlocal(channels, size, layer, shared)
            for size in sizes
        )
        self.fusion = nn.ModuleList(Arrival(channels, place, sizes) for place in range(len(sizes)))

    def forward(self, several: list[Tensor]) -> list[Tensor]:
        made = [beside(local(x)) for local, beside, x in zip(self.local, self.beside, several, strict=True)]
        return [arrival(made) for arrival in self.fusion]


class HRNet(nn.Module):
    """Scales side by side, fused again and again: (batch, inputs, *size) to (batch, outputs, *size).

    1-D or 2-D. The first scale is the map's own and is kept to the end; with each stage the next, half as
    large, is added, until `scales`, and all are fused after it. A block is ConvNeXt's, in the place of the
    paper's residual ones, all of one width.
    width: channels. scales: how many at the most, as many as `unet` has by default. Raises UsageError where
    the size cannot be halved that often.
    layer: builder (channels, size, shared) -> Module, hosted in each scale of each stage.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, scales: PositiveInt | None = None
    ) -> None:
        super().__init__()
        self.sizes = halved(shape.size, None if scales is None else scales - 1)
        shared: dict[str, Any] = {}
        self.stem = nn.Sequential(convolution(shape.size, shape.inputs, width, 3), ChannelNorm(width))
        self.stages = nn.ModuleList(
            Stage(width, self.sizes[: count + 1], layer, shared) for count in range(len(self.sizes))
        )
        self.starts = nn.ModuleList(Pointwise(width, width) for _ in self.sizes[1:])
        self.head = Pointwise(len(self.sizes) * width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        several = [self.stem(x)]
        for count, stage in enumerate(self.stages):
            if count:
                several.append(resized(self.starts[count - 1](several[-1]), self.sizes[count]))
            several = stage(several)
        y: Tensor = self.head(torch.cat([resized(one, self.sizes[0]) for one in several], 1))
        return y
