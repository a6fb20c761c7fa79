"""The Non-local U-Net (Wang et al., "Non-local U-Nets for Biomedical Image Segmentation", AAAI 2020)."""

from __future__ import annotations

from typing import Any

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


class Aggregation(nn.Module):
    """y_n = O sum_m softmax_m(q_n k_m / sqrt(channels)) v_m: each position of a map of one size reads all of
    a map of another, (batch, channels, *any) to (batch, channels, *size), quadratic in time.

    The queries are a convolution of the map brought to `size`, so that what is asked has the size of the
    answer; keys and values are the map's own. One head.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.query = convolution(size, channels, channels, 3)
        self.maps = Pointwise(channels, 2 * channels)
        self.out = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(resized(x, self.size))
        rows = [part.flatten(2).mT[:, None] for part in (q, *self.maps(x).chunk(2, 1))]
        read = functional.scaled_dot_product_attention(*rows)[:, 0]
        y: Tensor = self.out(read.mT.reshape_as(q))
        return y


class Active(nn.Sequential):
    """ReLU(LN x), which precedes every map of a block."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelNorm(channels), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions beside the map itself; where the first strides, beside a 1x1 convolution of the places
    it stands on."""

    def __init__(self, channels: int, size: tuple[int, ...], stride: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.active = Active(channels)
        self.convolutions = nn.Sequential(
            convolution(size, channels, channels, 3, stride=stride or 1),
            Active(channels),
            convolution(size, channels, channels, 3),
        )
        # not a convolution that strides: with few channels that lie last, torch's corrupts memory (2.13, CPU)
        self.places = tuple(slice(None, None, step) for step in stride or (1,) * len(size))
        self.beside = nn.Identity() if stride is None else Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.beside(x[:, :, *self.places]) + self.convolutions(self.active(x))
        return y


class Ascent(nn.Module):
    """Brings a map to `size`: a convolution of it, enlarged, plus what each position reads of all of it."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.beside = convolution(size, channels, channels, 3)
        self.active = Active(channels)
        self.aggregation = Aggregation(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.beside(resized(x, self.size)) + self.aggregation(self.active(x))
        return y


class NonLocalUNet(nn.Module):
    """A U-Net that goes up by attention: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Blocks of two convolutions go down; at the bottom, and at each step up, every position reads all of the
    smaller map. What comes from the descent is added, not appended. One width at every scale, layer
    normalisation in the place of the batch's, which would let items see each other, and an enlarged map's
    convolution in the place of a transposed one, so that any two sizes go together.
    width: channels. downs: as of `unet`. Raises UsageError where the size cannot be halved that often.
    layer: builder (channels, size, shared) -> Module in the place of attention at the bottom.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        sizes = halved(shape.size, downs)
        self.stem = nn.Sequential(
            convolution(shape.size, shape.inputs, width, 3), Residual(width, shape.size)
        )
        self.descent = nn.ModuleList(Residual(width, shape.size, stride) for stride in strides(sizes))
        self.middle = Nonlocal(width, sizes[-1], layer or aggregating, {})
        self.ups = nn.ModuleList(Ascent(width, size) for size in sizes[-2::-1])
        self.ascent = nn.ModuleList(Residual(width, size) for size in sizes[-2::-1])
        self.head = nn.Sequential(Active(width), Pointwise(width, shape.outputs))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.stem(x)]
        for down in self.descent:
            skips.append(down(skips[-1]))
        x = self.middle(skips.pop())
        for up, block in zip(self.ups, self.ascent, strict=True):
            x = block(up(x) + skips.pop())
        y: Tensor = self.head(x)
        return y


def aggregating(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Build what the paper has at the bottom: each position reads all others."""
    return Aggregation(channels, size)
