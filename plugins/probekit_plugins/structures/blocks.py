"""Blocks are the parts of structures, for 1-D and 2-D maps (batch, channels, *size)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Builder = Callable[..., nn.Module]

CONVOLUTIONS: dict[int, type[nn.Conv1d] | type[nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
INTERPOLATION = {1: "linear", 2: "bilinear"}


def build_convolution(
    size: tuple[int, ...], inputs: int, outputs: int, side: int, *, stride: Any = 1, groups: int = 1
) -> nn.Conv1d | nn.Conv2d:
    """Return a convolution with a bias for maps of this dimension.

    Args:
        size: of the map, (length,) or (height, width).
        inputs: channels.
        outputs: channels.
        side: of the kernel. An odd one with a stride of 1 keeps the size of the map.
        stride: one number for all sides, or a tuple with one per side.
        groups: of channels.
    """
    return CONVOLUTIONS[len(size)](inputs, outputs, side, stride=stride, padding=side // 2, groups=groups)


def resize_map(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return maps (batch, channels, *any) at another size, by linear interpolation."""
    return functional.interpolate(x, size, mode=INTERPOLATION[len(size)])


class Pointwise(nn.Linear):
    """A 1x1 convolution of any dimension.

    Where the channels lie last in memory, as it leaves them, it reads a map without a copy.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size).
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation (Ba, Kiros and Hinton 2016) over the channels of each position.

    It leaves the channels last in memory.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class LayerScale(nn.Module):
    """One learned factor per channel, 0.1 at first (Touvron et al. 2021, "CaiT")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma.view(-1, *(1,) * (x.ndim - 2))


def append_channels(x: Tensor, extra: Tensor | None) -> Tensor:
    """Return x (batch, channels, *size) with the channels of `extra` (e, *size) after its own."""
    return x if extra is None else torch.cat([x, extra.expand(len(x), *extra.shape)], 1)


class MLPBranch(nn.Sequential):
    """LS(conv1x1(GELU(conv1x1(LN x)))), four times wider inside; both convolutions also read `extra`."""

    def __init__(self, channels: int, extra: int = 0) -> None:
        super().__init__(
            ChannelNorm(channels),
            Pointwise(channels + extra, 4 * channels),
            nn.GELU(),
            Pointwise(4 * channels + extra, channels),
            LayerScale(channels),
        )

    def forward(self, x: Tensor, extra: Tensor | None = None) -> Tensor:
        for module in self:
            x = module(append_channels(x, extra) if isinstance(module, Pointwise) else x)
        return x


class Bottleneck(nn.Module):
    """The inverted bottleneck: x + LS(conv1x1(GELU(conv1x1(LN x)))) (Courtois et al. 2022, section 4).

    Args:
        channels: number of channels.
        extra: how many channels, the same for every item, its convolutions also read.
    """

    def __init__(self, channels: int, extra: int = 0) -> None:
        super().__init__()
        self.mlp = MLPBranch(channels, extra)

    def forward(self, x: Tensor, extra: Tensor | None = None) -> Tensor:
        y: Tensor = self.mlp(x, extra)
        return x + y


class Nonlocal(nn.Module):
    """A layer between norm and skip, then an inverted bottleneck.

    x + LS(layer(LN x)), or x + layer(x) without a norm. The channels that the layer's encoding appends
    (CoordConv's) are appended in the bottleneck as well.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        layer: its builder.
        shared: what the layers of a network share.
        norm: whether there are LN and LS around the layer.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        layer: Builder,
        shared: dict[str, Any],
        *,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels) if norm else nn.Identity()
        self.layer = layer(channels, size, shared)
        self.layer_scale = LayerScale(channels) if norm else nn.Identity()
        extra = self.extra()
        self.bottleneck = Bottleneck(channels, 0 if extra is None else len(extra))

    def extra(self) -> Tensor | None:
        """Return the channels (e, *size) that the layer's encoding appends, if any."""
        extra = getattr(self.layer, "extra", None)
        return None if extra is None else extra()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bottleneck(x + self.layer_scale(self.layer(self.norm(x))), self.extra())
        return y


class ConvNeXt(nn.Module):
    """The block of Liu et al., "A ConvNet for the 2020s", CVPR 2022: depthwise convolution, then the MLP."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.depthwise = build_convolution(size, channels, channels, 7, groups=channels)
        self.mlp = MLPBranch(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.mlp(self.depthwise(x))
        return x + y
