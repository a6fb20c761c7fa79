"""Group averaging: a network made covariant to turns and mirrors by a mean over them. Puny et al., "Frame
Averaging for Invariant and Equivariant Network Design", ICLR 2022; the group as in Cohen and Welling 2016."""

from __future__ import annotations

from itertools import product

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from probekit.errors import UsageError
from probekit.interfaces import Shape
from probekit_plugins.structures.blocks import Builder
from probekit_plugins.structures.unet import UNet

Move = tuple[bool, int]
"""Whether a map is seen in a mirror, and how many quarter turns follow."""


class TurnedUNet(nn.Module):
    """The mean of g^-1 U-Net(g x): (batch, inputs, *size) to (batch, outputs, *size), 1-D or square.

    g runs over the eight turns and mirrors of a square (D4), or over a row and its mirror image. It has the
    parameters of one U-Net, and the cost of eight, or two. width, layer, downs: of the U-Net. Raises
    UsageError where a map of two sides is no square.
    """

    def __init__(
        self, shape: Shape, *, width: int, layer: Builder | None = None, downs: NonNegativeInt | None = None
    ) -> None:
        super().__init__()
        if len({*shape.size}) > 1:
            size = " x ".join(map(str, shape.size))
            raise UsageError(f"unet-d4 on maps of {size}", "only square maps can be turned", "Type unet.")
        self.moves: list[Move] = list(product((False, True), range(4 if len(shape.size) == 2 else 1)))
        self.network = UNet(shape, width=width, layer=layer, downs=downs)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.network(torch.cat([moved(x, move) for move in self.moves])).chunk(len(self.moves))
        back = [restored(part, move) for part, move in zip(parts, self.moves, strict=True)]
        y: Tensor = torch.stack(back).mean(0)
        return y


def moved(x: Tensor, move: Move) -> Tensor:
    """Return maps (batch, channels, *size) seen in a mirror, or not, and then turned."""
    mirrored, turns = move
    x = x.flip(-1) if mirrored else x
    return torch.rot90(x, turns, (2, 3)) if turns else x


def restored(x: Tensor, move: Move) -> Tensor:
    """Return what `moved` was given."""
    mirrored, turns = move
    x = torch.rot90(x, -turns, (2, 3)) if turns else x
    return x.flip(-1) if mirrored else x
