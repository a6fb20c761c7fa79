"""The vision transformer (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021), with an answer for
every position."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.layers.transformer import Transformer
from probekit_plugins.structures.blocks import Builder, ChannelNorm, Nonlocal, Pointwise, build_convolution


def build_attention(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
    """Return the paper's layer: dense attention."""
    return Transformer(channels, size)


class ViT(nn.Module):
    """Patches, layers in sequence, patches again.

    Each patch becomes a position of `width` channels, to which a learned vector is added; `depth` times
    [x + LS(layer(LN x)), then an inverted bottleneck]; then each position is mapped to its patch's answers.
    There is no class token.

    Args:
        shape: channels and size of inputs and outputs.
        width: channels inside.
        layer: builder (channels, size, shared) -> Module instead of `transformer`.
        patch: its side in positions.
        depth: layers.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    Raises:
        UsageError: patches do not fill the map.
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
                "each side of the map must be a multiple of the patch's side",
                "Type vit(patch=1), or a patch that divides the sides.",
            )
        self.patch, self.outputs = patch, shape.outputs
        size = tuple(side // patch for side in shape.size)
        shared: dict[str, Any] = {}
        self.patch_embed = build_convolution(size, shape.inputs, width, patch, stride=patch)
        self.patch_embed.padding = (0,) * len(size)
        self.pos_embed = nn.Parameter(torch.randn(width, *size) * 0.02)
        self.blocks = nn.Sequential(
            *(Nonlocal(width, size, layer or build_attention, shared) for _ in range(depth)),
            ChannelNorm(width),
        )
        self.head = Pointwise(width, shape.outputs * patch ** len(size))

    @staticmethod
    def width_step(**_: Any) -> int:
        """Return the number that the width must be a multiple of: the heads of the default layer."""
        return 8

    def forward(self, x: Tensor) -> Tensor:
        rows = self.head(self.blocks(self.patch_embed(x) + self.pos_embed))
        size = rows.shape[2:]
        patches = rows.reshape(len(x), self.outputs, *(self.patch for _ in size), *size)
        axes = range(len(size))
        order = (0, 1, *(dim for axis in axes for dim in (2 + len(size) + axis, 2 + axis)))
        y: Tensor = patches.permute(order).reshape(len(x), self.outputs, *x.shape[2:])
        return y
