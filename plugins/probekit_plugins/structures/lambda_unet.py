"""LambdaUNet (Ou et al., "LambdaUNet: 2.5D Stroke Lesion Segmentation of Diffusion-Weighted MR Images",
MICCAI 2021)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Shape
from probekit_plugins.encodings.local import Local
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.structures.blocks import Builder, ChannelNorm, Pointwise, resize_map
from probekit_plugins.structures.unet import halve_size, list_strides

HEADS, KEYS = 4, 16
POOLS: dict[int, type[nn.MaxPool1d] | type[nn.MaxPool2d]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}


def build_local_lambda(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Return the paper's layer: Bello's, with content and local positional lambdas."""
    return Lambda(channels, size, encoding=partial(Local, window=7), heads=HEADS, keys=KEYS)


class LayerPair(nn.Module):
    """A 1x1 convolution to the width, then twice GELU(LN(layer x)), where a U-Net has two convolutions."""

    def __init__(
        self, inputs: int, channels: int, size: tuple[int, ...], layer: Builder, shared: dict[str, Any]
    ) -> None:
        super().__init__()
        self.reduce = Pointwise(inputs, channels)
        self.layers = nn.ModuleList(layer(channels, size, shared) for _ in range(2))
        self.norms = nn.ModuleList(ChannelNorm(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = functional.gelu(norm(layer(x)))
        return x


class LambdaUNet(nn.Module):
    """A U-Net without convolutions.

    Each pair of convolutions of a U-Net (Ronneberger et al. 2015) is a pair of lambda layers, which read the
    content of all positions and the displacements within a window of 7. Max pooling goes down, linear
    interpolation up, and the skip connections are appended. The slices of a scan, which the paper's layers
    also read, are a map's second axis or none here. One width at every scale, and layer normalisation instead
    of batch normalisation, which would let items see each other.

    Args:
        shape: channels and size of inputs and outputs.
        width: number of channels.
        layer: builder (channels, size, shared) -> Module instead of `lambda+local`.
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
        layer = layer or build_local_lambda
        first = LayerPair(shape.inputs, width, shape.size, layer, shared)
        self.descent = nn.ModuleList(
            [first, *(LayerPair(width, width, size, layer, shared) for size in sizes[1:])]
        )
        self.pools = nn.ModuleList(POOLS[len(shape.size)](stride) for stride in list_strides(sizes))
        self.ascent = nn.ModuleList(
            LayerPair(2 * width, width, size, layer, shared) for size in sizes[-2::-1]
        )
        self.head = Pointwise(width, shape.outputs)

    @staticmethod
    def width_step(**_: Any) -> int:
        """Return the number that the width must be a multiple of: the heads of the default layer."""
        return HEADS

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.descent[0](x)]
        for pool, stage in zip(self.pools, list(self.descent)[1:], strict=True):
            skips.append(stage(pool(skips[-1])))
        x = skips.pop()
        for stage in self.ascent:
            skip = skips.pop()
            x = stage(torch.cat([resize_map(x, tuple(skip.shape[2:])), skip], 1))
        y: Tensor = self.head(x)
        return y
