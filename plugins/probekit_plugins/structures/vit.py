"""The vision transformer (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021), with an answer for
every position."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.errors import UsageError
from probekit.interfaces import Shape
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.structures.blocks import Builder, ChannelNorm, Nonlocal, Pointwise, convolution


def attention(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Build what the paper hosts: dense attention."""
    return Transformer(channels, size)


class ViT(nn.Module):
    """Patches, layers in a row, patches again: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Each patch becomes a position of `width` channels, to which a learned vector of its place is added;
    `depth` times [x + LS(layer(LN x)), then an inverted bottleneck]; then each position is mapped to its
    patch's answers. There is no class token.
    width: channels inside. patch: positions a side. depth: layers. Raises UsageError where patches do not
    fill the map.
    layer: builder (channels, size, shared) -> Module in the place of attention, `transformer` without one.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        width: int,
        layer: Builder | None = None,
        patch: PositiveInt = 2,
        depth: Annotated[int, Field(ge=1, le=64)] = 4,
    ) -> None:
        super().__init__()
        if any(side % patch for side in shape.size):
            raise UsageError(
                f"vit(patch={patch}) on maps of {' x '.join(map(str, shape.size))}",
                "patches fill the map, so each side is a multiple of a patch's",
                "Type vit(patch=1), or a patch that divides the sides.",
            )
        self.patch, self.outputs = patch, shape.outputs
        size = tuple(side // patch for side in shape.size)
        shared: dict[str, Any] = {}
        self.embed = convolution(size, shape.inputs, width, patch, stride=patch)
        self.embed.padding = (0,) * len(size)
        self.places = nn.Parameter(torch.randn(width, *size) * 0.02)
        self.blocks = nn.Sequential(
            *(Nonlocal(width, size, layer or attention, shared) for _ in range(depth)), ChannelNorm(width)
        )
        self.head = Pointwise(width, shape.outputs * patch ** len(size))

    @staticmethod
    def width_step(**_: Any) -> int:
        """Return what the width must be a multiple of: the heads of the attention that it hosts by itself."""
        return 8

    def forward(self, x: Tensor) -> Tensor:
        rows = self.head(self.blocks(self.embed(x) + self.places))
        size = rows.shape[2:]
        apart = rows.reshape(len(x), self.outputs, *(self.patch for _ in size), *size)
        axes = range(len(size))
        order = (0, 1, *(at for axis in axes for at in (2 + len(size) + axis, 2 + axis)))
        y: Tensor = apart.permute(order).reshape(len(x), self.outputs, *x.shape[2:])
        return y
