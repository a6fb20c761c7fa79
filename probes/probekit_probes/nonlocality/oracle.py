"""The oracle reads depths off an image: palette, boxes, evidence, order; it knows no generator.

Source: the theorem behind the filter. In an image where no opposite sides of two boxes coincide (F1) and
every two boxes that overlap are comparable in the closure of "d shows inside the box of c" (F2), every scene
that could have produced it has the same depths, and these are they. Given F1, F2 is necessary too. F1
makes the box of what shows of a rectangle the rectangle itself, since a hidden side would have to lie on an
opposite side of a box above it; with the boxes fixed, the painting orders of the image are the linear
extensions of the evidence. Cues: colour, T-junctions, convexity (Courtois et al. 2022, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from probekit_probes.nonlocality.palette import RGB, indices


@dataclass(frozen=True, slots=True)
class Reading:
    """What the oracle found in a batch of images.

    depth: (batch, 1, height, width) float32. level: (batch, 10) int64, 0 where the colour does not show.
    above: (batch, 10, 10) bool, entry [b, c, d] tells whether d is above c, directly or through others;
    inside: alike, whether all that shows of d lies in the box of c. sides_apart: F1, overlaps_ordered: F2,
    (batch,) bool.
    """

    depth: Tensor
    level: Tensor
    above: Tensor
    inside: Tensor
    sides_apart: Tensor
    overlaps_ordered: Tensor

    @property
    def certified(self) -> Tensor:
        """F1 and F2, (batch,) bool."""
        return self.sides_apart & self.overlaps_ordered


def read(images: Tensor, reading: str = "down-set") -> Reading:
    """Read depths and certificates off float32 RGB images (batch, 3, height, width) in [0, 1].

    reading: "down-set" or "chain". Raises ValueError where a colour is unknown.
    """
    index = indices(images)
    masks = torch.stack([index == colour for colour in range(1, len(RGB))], dim=1)
    columns, rows = masks.any(dim=2), masks.any(dim=3)
    left, right = ends(columns)
    top, bottom = ends(rows)
    seen = columns.any(dim=2)
    both = (
        seen[:, :, None] & seen[:, None, :] & ~torch.eye(len(RGB) - 1, dtype=torch.bool, device=images.device)
    )

    def pairs(first: Tensor, second: Tensor) -> Tensor:
        return first[:, :, None] == second[:, None, :]

    touching = (pairs(left, right) | pairs(top, bottom)) & both
    within = torch.einsum(
        "bcy,bdyx,bcx->bcd", filled(top, bottom, rows), masks.float(), filled(left, right, columns)
    )
    above = reach((within > 0.5) & both)
    inside = (within > masks.sum((2, 3))[:, None] - 0.5) & both
    meet = both & (
        torch.maximum(left[:, :, None], left[:, None]) < torch.minimum(right[:, :, None], right[:, None])
    )
    meet &= torch.maximum(top[:, :, None], top[:, None]) < torch.minimum(bottom[:, :, None], bottom[:, None])
    ordered = ~(meet & ~above & ~above.transpose(1, 2))
    level = (1 + above.sum(dim=1) if reading == "down-set" else longest(above)) * seen
    padded = torch.cat([torch.zeros_like(level[:, :1]), level], dim=1)
    depth = (torch.gather(padded, 1, index.flatten(1)).view(index.shape) + 1).float() / 11
    return Reading(
        depth[:, None],
        level,
        above,
        inside,
        ~touching.flatten(1).any(dim=1),
        ordered.flatten(1).all(dim=1),
    )


def ends(shown: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first shown place and the one after the last along the last dimension."""
    length = shown.shape[-1]
    return shown.int().argmax(dim=-1), length - shown.flip(-1).int().argmax(dim=-1)


def filled(start: Tensor, stop: Tensor, like: Tensor) -> Tensor:
    """Return 1 from start to stop, else 0, (batch, 10, length) float32."""
    place = torch.arange(like.shape[-1], device=like.device)
    return ((place >= start[..., None]) & (place < stop[..., None])).float()


def reach(relation: Tensor) -> Tensor:
    """Return the transitive closure: entry [b, c, d] tells whether d is above c."""
    closed = relation
    for _ in range(4):
        closed = closed | ((closed.float() @ closed.float()) > 0.5)
    return closed


def longest(above: Tensor) -> Tensor:
    """Return for each colour the length of the longest chain of colours that ends with it, (batch, 10)."""
    length = torch.ones(above.shape[:2], dtype=torch.long, device=above.device)
    for _ in range(above.shape[1] - 1):
        length = torch.maximum(length, (above * (length[:, :, None] + 1)).amax(dim=1))
    return length
