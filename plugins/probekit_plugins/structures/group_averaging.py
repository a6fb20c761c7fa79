"""Group averaging: a network made covariant to rotations and reflections by a mean over them. Puny et al.,
"Frame Averaging for Invariant and Equivariant Network Design", ICLR 2022; the group as in Cohen and Welling
2016."""

from __future__ import annotations

from itertools import product

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.blocks import Builder
from probekit_plugins.structures.unet import UNet

GroupElement = tuple[bool, int]
"""Whether a map is mirrored, and by how many quarter turns it is then rotated."""


class GroupAveragedUNet(nn.Module):
    """The mean of g^-1 U-Net(g x) over the eight rotations and reflections of a square (D4).

    In 1-D, over a row and its mirror image. It has the parameters of one U-Net, and the cost of eight, or
    two.

    Args:
        shape: channels and size of inputs and outputs.
        width: channels of the U-Net.
        layer: that the U-Net hosts.
        downs: as in `unet`.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or square.

    Raises:
        UsageError: a 2-D map is not square.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        if len({*shape.size}) > 1:
            size = " x ".join(map(str, shape.size))
            raise UsageError(f"unet-d4 on maps of {size}", "only square maps can be rotated", "Type unet.")
        turns = range(4 if len(shape.size) == 2 else 1)
        self.group: list[GroupElement] = list(product((False, True), turns))
        self.network = UNet(shape, width=width, layer=layer, downs=downs)

    def forward(self, x: Tensor) -> Tensor:
        transformed = torch.cat([transform_map(x, element) for element in self.group])
        outputs = self.network(transformed).chunk(len(self.group))
        restored = [undo_transform(y, element) for y, element in zip(outputs, self.group, strict=True)]
        mean: Tensor = torch.stack(restored).mean(0)
        return mean


def transform_map(x: Tensor, element: GroupElement) -> Tensor:
    """Return maps (batch, channels, *size), mirrored or not, then rotated."""
    mirrored, turns = element
    x = x.flip(-1) if mirrored else x
    return torch.rot90(x, turns, (2, 3)) if turns else x


def undo_transform(x: Tensor, element: GroupElement) -> Tensor:
    """Undo `transform_map`."""
    mirrored, turns = element
    x = torch.rot90(x, -turns, (2, 3)) if turns else x
    return x.flip(-1) if mirrored else x
