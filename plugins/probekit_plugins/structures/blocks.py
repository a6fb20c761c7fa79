"""Blocks are the parts of which structures are built, for 1-D and 2-D maps (batch, channels, *size).

The channels are kept last in memory whatever the dimension: pointwise maps and norms then read a map as it lies,
without a copy. Logical shapes stay (batch, channels, *size).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}


def convolution(size: tuple[int, ...], inputs: int, outputs: int, side: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return a convolution with a bias for maps of this dimension, padded so that stride 1 keeps their size."""
    return CONVOLUTIONS[len(size)](inputs, outputs, side, stride=stride, padding=side // 2, groups=groups)


class Pointwise(nn.Linear):
    """A 1x1 convolution: (batch, inputs, *size) to (batch, outputs, *size)."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """Map every position; `scale` (outputs,) multiplies the output, folded into the weights."""
        weight, bias = self.weight, self.bias
        if scale is not None:
            weight = weight * scale[:, None]
            bias = None if bias is None else bias * scale
        return functional.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position (Ba, Kiros and Hinton 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class LayerScale(nn.Module):
    """One learned factor a channel, initialised at 0.1 (Touvron et al. 2021, CaiT)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), 0.1))


class Bottleneck(nn.Module):
    """The inverted bottleneck x + LS(conv1x1(GELU(conv1x1(LN x)))), four times wider inside (Courtois et al. 2022, section 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.widen = Pointwise(channels, 4 * channels)
        self.narrow = Pointwise(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(functional.gelu(self.widen(self.norm(x))), self.scale)


class ConvNeXt(nn.Module):
    """The ConvNeXt block x + LS(conv1x1(GELU(conv1x1(LN(depthwise7(x)))))) (Liu et al. 2022)."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.depthwise = convolution(size, channels, channels, 7, groups=channels)
        self.norm = ChannelNorm(channels)
        self.widen = Pointwise(channels, 4 * channels)
        self.narrow = Pointwise(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(functional.gelu(self.widen(self.norm(self.depthwise(x)))), self.scale)
