"""The oracle of nonlocality: it reads depths off an image by its boxes and their evidence of order.

It shares no code with the generator. Source: the theorem behind the filter. Take an image where no opposite
sides of two boxes coincide (F1) and every two boxes that overlap are comparable in the closure of "d shows
inside the box of c" (F2). Then all scenes that could have produced it have the same depths, and the oracle
returns them. Given F1, F2 is necessary too. F1 makes the box of the visible part of a rectangle the rectangle
itself, since a hidden side would have to lie on an opposite side of a box above it. With the boxes fixed, the
painting orders of the image are the linear extensions of the evidence. Cues: colour, T-junctions, convexity
(Courtois et al. 2022, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from probekit_probes.nonlocality.palette import RGB, palette_indices


@dataclass(frozen=True, slots=True)
class Reading:
    """The oracle's reading of a batch of images.

    Attributes:
        depth: (batch, 1, height, width) float32.
        level: (batch, 10) int64, 0 where the colour does not show.
        above: entry [b, c, d] is true if d is above c, directly or through others, (batch, 10, 10) bool.
        inside: entry [b, c, d] is true if the visible part of d lies in the box of c.
        sides_apart: F1, (batch,) bool.
        overlaps_ordered: F2, (batch,) bool.
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


def read_depth(images: Tensor, reading: str = "down-set") -> Reading:
    """Read depths and certificates off images.

    Args:
        images: float32 RGB (batch, 3, height, width) in [0, 1].
        reading: the definition of a level, "down-set" or "chain".

    Raises:
        ValueError: if a colour is not in the palette.
    """
    index = palette_indices(images)
    masks = torch.stack([index == colour for colour in range(1, len(RGB))], dim=1)
    columns, rows = masks.any(dim=2), masks.any(dim=3)
    left, right = find_ends(columns)
    top, bottom = find_ends(rows)
    visible = columns.any(dim=2)
    is_pair = visible[:, :, None] & visible[:, None, :]
    is_pair = is_pair & ~torch.eye(len(RGB) - 1, dtype=torch.bool, device=images.device)

    def equal_pairs(first: Tensor, second: Tensor) -> Tensor:
        return first[:, :, None] == second[:, None, :]

    touching = (equal_pairs(left, right) | equal_pairs(top, bottom)) & is_pair
    pixels_inside = torch.einsum(
        "bcy,bdyx,bcx->bcd", fill_range(top, bottom, rows), masks.float(), fill_range(left, right, columns)
    )
    above = close_relation((pixels_inside > 0.5) & is_pair)
    inside = (pixels_inside > masks.sum((2, 3))[:, None] - 0.5) & is_pair
    overlap = is_pair & (
        torch.maximum(left[:, :, None], left[:, None]) < torch.minimum(right[:, :, None], right[:, None])
    )
    overlap &= torch.maximum(top[:, :, None], top[:, None]) < torch.minimum(
        bottom[:, :, None], bottom[:, None]
    )
    ordered = ~(overlap & ~above & ~above.transpose(1, 2))
    level = (1 + above.sum(dim=1) if reading == "down-set" else chain_lengths(above)) * visible
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


def find_ends(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first true index along the last dimension, and one more than the last true index."""
    length = mask.shape[-1]
    return mask.int().argmax(dim=-1), length - mask.flip(-1).int().argmax(dim=-1)


def fill_range(start: Tensor, stop: Tensor, like: Tensor) -> Tensor:
    """Return 1 from start to stop, otherwise 0, (batch, 10, length) float32; `like` gives the length."""
    position = torch.arange(like.shape[-1], device=like.device)
    return ((position >= start[..., None]) & (position < stop[..., None])).float()


def close_relation(relation: Tensor) -> Tensor:
    """Return the transitive closure: entry [b, c, d] is true if d is above c, directly or through others."""
    closed = relation
    for _ in range(4):
        closed = closed | ((closed.float() @ closed.float()) > 0.5)
    return closed


def chain_lengths(above: Tensor) -> Tensor:
    """Return the length of the longest chain of colours that ends with each colour, (batch, 10)."""
    length = torch.ones(above.shape[:2], dtype=torch.long, device=above.device)
    for _ in range(above.shape[1] - 1):
        length = torch.maximum(length, (above * (length[:, :, None] + 1)).amax(dim=1))
    return length
