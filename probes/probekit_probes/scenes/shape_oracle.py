"""The oracle of scenes of catalogue shapes: it tries every completion of every object in the image.

It shares no code with the generator and draws the catalogue anew, row by row. A completion of an object is a
catalogue shape that covers all its visible pixels and no background. d is above c if every completion of c
covers a visible pixel of d. Where this orders every two objects, all scenes that show the image have this
order: each is painted in an order in which d comes after c if its c covers a visible pixel of d.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isqrt

import torch
from torch import Tensor
from torch.nn import functional

from probekit_probes.nonlocality.oracle import close_relation
from probekit_probes.nonlocality.palette import RGB, palette_indices

IMAGES = 64
"""Images that are read at a time, because of memory."""
OBJECTS = len(RGB) - 1


@dataclass(frozen=True, slots=True)
class ShapeReading:
    """The oracle's reading of a batch of images.

    Attributes:
        depth: (batch, 1, height, width) float32.
        level: (batch, 10) int64, 0 where the colour does not show.
        has_completions: each object can be completed, (batch,) bool.
        is_ordered: every two objects are ordered, (batch,) bool.
    """

    depth: Tensor
    level: Tensor
    has_completions: Tensor
    is_ordered: Tensor


def list_row_spans(kind: str, height: int, width: int) -> list[tuple[int, int]]:
    """Return the first column of each row of a shape, and one more than the last."""
    spans = []
    for row in range(height):
        up = abs(2 * row + 1 - height)
        if kind == "ellipse":
            reach = isqrt((height**2 - up**2) * width**2) / height
        elif kind == "rhombus":
            reach = (height - up) * width / height
        elif kind == "hexagon":
            reach = (2 * height - up) * width / (2 * height)
        elif kind == "triangle":
            reach = (row + 1) * width / height
        elif kind == "triangle upside down":
            reach = (height - row) * width / height
        else:
            reach = width
        columns = [column for column in range(width) if abs(2 * column + 1 - width) <= reach + 1e-9]
        first, last = (columns[0], columns[-1] + 1) if columns else (0, 0)
        if kind == "corner" and 2 * row < height:
            last = (width + 1) // 2
        if kind == "corner turned" and 2 * (height - 1 - row) < height:
            first = width // 2
        spans.append((first, last))
    return spans


KINDS = (
    "rectangle",
    "ellipse",
    "rhombus",
    "hexagon",
    "triangle",
    "triangle upside down",
    "corner",
    "corner turned",
)


@cache
def draw_catalogue(side: int) -> Tensor:
    """Return every shape of a frame, (shapes, side * side) float32: boxes of four sizes on a grid."""
    step = max(1, round(side / 10))
    sizes = [side * eighths // 8 for eighths in (2, 3, 4, 5)]
    shapes = []
    for kind in KINDS:
        for height in sizes:
            for width in sizes:
                spans = list_row_spans(kind, height, width)
                for top in range(1, side - height, step):
                    for left in range(1, side - width, step):
                        shape = torch.zeros(side, side)
                        for row, (first, last) in enumerate(spans):
                            shape[top + row, left + first : left + last] = 1
                        shapes.append(shape.flatten())
    unique: Tensor = torch.unique(torch.stack(shapes), dim=0)
    return unique


def read_shape_depth(images: Tensor) -> ShapeReading:
    """Read depths and certificates off images.

    Args:
        images: float32 RGB in the fixed palette, (batch, 3, side, side).
    """
    catalogue = draw_catalogue(images.shape[-1]).to(images.device)
    index = palette_indices(images).flatten(1)
    parts = [order_objects(part, catalogue) for part in torch.split(index, IMAGES)]
    above, has_completions = (torch.cat(column) for column in zip(*parts, strict=True))
    numbers = torch.arange(1, OBJECTS + 1, device=images.device)
    visible = (index[:, None] == numbers[:, None]).any(2)
    is_pair = visible[:, :, None] & visible[:, None] & (numbers[:, None] != numbers)
    above &= is_pair
    level = (1 + above.sum(1)) * visible
    padded = torch.cat([torch.zeros_like(level[:, :1]), level], 1)
    depth = (padded.gather(1, index) + 1).float() / 11
    is_ordered = (above ^ above.transpose(1, 2)) | ~is_pair
    return ShapeReading(
        depth.view(len(images), 1, *images.shape[2:]),
        level,
        (has_completions | ~visible).all(1),
        is_ordered.flatten(1).all(1),
    )


def order_objects(index: Tensor, catalogue: Tensor) -> tuple[Tensor, Tensor]:
    """Order the objects of some images by all their completions.

    Args:
        index: palette indices, (batch, pixels).
        catalogue: every shape, (shapes, pixels).

    Returns:
        Entry [b, c, d]: d is above c, directly or through others, (batch, 10, 10) bool; and whether each
        object has a completion, (batch, 10) bool.
    """
    numbers = torch.arange(int(index.max()) + 1, device=index.device)
    masks = (index[:, None] == numbers[:, None]).float()
    covered = masks @ catalogue.T
    is_whole = covered[:, 1:] == masks[:, 1:].sum(2, keepdim=True)
    is_completion = is_whole & (covered[:, :1] == 0)
    hits = covered[:, 1:] > 0
    escapes = torch.einsum("bcs,bds->bcd", is_completion.float(), (~hits).float()) > 0.5
    has_completion = is_completion.any(2)
    above = close_relation(~escapes & has_completion[:, :, None])
    missing = OBJECTS + 1 - len(numbers)
    return functional.pad(above, (0, missing, 0, missing)), functional.pad(has_completion, (0, missing))
