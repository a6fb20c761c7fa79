"""The Non-local U-Net (Wang et al., "Non-local U-Nets for Biomedical Image Segmentation", AAAI 2020)."""

from __future__ import annotations

from typing import Any

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


class Aggregation(nn.Module):
    """y_n = O sum_m softmax_m(q_n k_m / sqrt(channels)) v_m, from all of one map to each position of another.

    The queries are a convolution of the map brought to `size`, and so have the size of the answer; keys and
    values are the map's own. One head, quadratic in time.

    Shape:
        (batch, channels, *any) to (batch, channels, *size).
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.query = build_convolution(size, channels, channels, 3)
        self.kv_proj = Pointwise(channels, 2 * channels)
        self.out_proj = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(resize_map(x, self.size))
        rows = [part.flatten(2).mT[:, None] for part in (q, *self.kv_proj(x).chunk(2, 1))]
        values = functional.scaled_dot_product_attention(*rows)[:, 0]
        y: Tensor = self.out_proj(values.mT.reshape_as(q))
        return y


class NormReLU(nn.Sequential):
    """ReLU(LN x), before every convolution of a block."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelNorm(channels), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions plus a shortcut: the map itself, or a strided 1x1 convolution of it."""

    def __init__(self, channels: int, size: tuple[int, ...], stride: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.norm_relu = NormReLU(channels)
        self.convolutions = nn.Sequential(
            build_convolution(size, channels, channels, 3, stride=stride or 1),
            NormReLU(channels),
            build_convolution(size, channels, channels, 3),
        )
        # not a strided convolution: with few channels that lie last, torch's corrupts memory (2.13, CPU)
        self.slices = tuple(slice(None, None, step) for step in stride or (1,) * len(size))
        self.shortcut = nn.Identity() if stride is None else Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.shortcut(x[:, :, *self.slices]) + self.convolutions(self.norm_relu(x))
        return y


class Upsampling(nn.Module):
    """Bring a map to `size`: a convolution of it, enlarged, plus attention to all of it."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.convolution = build_convolution(size, channels, channels, 3)
        self.norm_relu = NormReLU(channels)
        self.aggregation = Aggregation(channels, size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(resize_map(x, self.size)) + self.aggregation(self.norm_relu(x))
        return y


class NonLocalUNet(nn.Module):
    """A U-Net that upsamples by attention.

    Blocks of two convolutions go down; at the bottom, and at each step up, every position reads all of the
    smaller map. Skip connections are added, not appended. One width at every scale, layer normalisation
    instead of batch normalisation, which would let items see each other, and a convolution of an enlarged map
    instead of a transposed one, so that any two sizes fit.

    Args:
        shape: channels and size of inputs and outputs.
        width: number of channels.
        layer: builder (channels, size, shared) -> Module instead of attention at the bottom.
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
        sizes = halve_size(shape.size, downs)
        self.stem = nn.Sequential(
            build_convolution(shape.size, shape.inputs, width, 3), Residual(width, shape.size)
        )
        self.descent = nn.ModuleList(Residual(width, shape.size, stride) for stride in list_strides(sizes))
        self.middle = Nonlocal(width, sizes[-1], layer or build_aggregation, {})
        self.ups = nn.ModuleList(Upsampling(width, size) for size in sizes[-2::-1])
        self.ascent = nn.ModuleList(Residual(width, size) for size in sizes[-2::-1])
        self.head = nn.Sequential(NormReLU(width), Pointwise(width, shape.outputs))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.stem(x)]
        for down in self.descent:
            skips.append(down(skips[-1]))
        x = self.middle(skips.pop())
        for up, block in zip(self.ups, self.ascent, strict=True):
            x = block(up(x) + skips.pop())
        y: Tensor = self.head(x)
        return y


def build_aggregation(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Return the paper's layer at the bottom: each position reads all others."""
    return Aggregation(channels, size)
