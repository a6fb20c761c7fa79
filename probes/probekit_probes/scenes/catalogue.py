"""The catalogue of shapes: every shape that an object of a scene can have, as a set of pixels.

Each shape fills a box. Boxes have four heights and widths and stand on a grid, so that a filter can try every
completion of a partly hidden object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams

EIGHTHS = (2, 3, 4, 5)
"""Heights and widths of boxes, in eighths of the side of the frame."""
FAMILIES = (
    ("rectangle",),
    ("ellipse",),
    ("rhombus",),
    ("hexagon",),
    ("triangle", "triangle upside down"),
    ("corner", "corner turned"),
)
"""Kinds of shapes by family; each family is equally likely. All kinds but corners are convex."""
RING = 1
"""Pixels of background at each border."""

Bits = NDArray[np.uint64]


@dataclass(frozen=True)
class Catalogue:
    """All shapes of a frame of `side` by `side` pixels.

    Attributes:
        side: pixels per side.
        masks: pixels of each shape, (shapes, side * side) bool.
        bits: the same as bits of words, (shapes, words) uint64.
        shapes_at: shapes that cover each pixel, as bits, (side * side, words) uint64.
        cumulative: cumulative probability of the shapes, (shapes,) float64.
    """

    side: int
    masks: NDArray[np.bool_]
    bits: Bits
    shapes_at: Bits
    cumulative: NDArray[np.float64]

    def draw_shapes(self, keys: streams.Words, count: int) -> NDArray[np.int64]:
        """Draw `count` shapes per key, (keys, count)."""
        ranks = np.searchsorted(self.cumulative, streams.draw_uniform(keys, count), side="right")
        return np.minimum(ranks, len(self.masks) - 1)


def fill_box(kind: str, height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels of its box a shape covers, (height, width) bool, by the centres of the pixels."""
    row, column = np.mgrid[:height, :width]
    y, x = abs(2 * row + 1 - height) * width, abs(2 * column + 1 - width) * height
    whole = height * width
    if kind == "rectangle":
        return np.ones((height, width), np.bool_)
    if kind == "ellipse":
        return np.asarray(y**2 + x**2 <= whole**2)
    if kind == "rhombus":
        return np.asarray(y + x <= whole)
    if kind == "hexagon":
        return np.asarray(y + 2 * x <= 2 * whole)
    if kind == "triangle":
        return np.asarray(x <= (row + 1) * width)
    if kind == "triangle upside down":
        return fill_box("triangle", height, width)[::-1]
    is_low: NDArray[np.bool_] = (2 * row >= height) | (2 * column < width)
    return is_low if kind == "corner" else is_low[::-1, ::-1]


def pack_bits(masks: NDArray[np.bool_]) -> Bits:
    """Pack the last axis into words of 64 bits; missing bits are zero."""
    padding = -masks.shape[-1] % 64
    padded = np.pad(masks, [*[(0, 0)] * (masks.ndim - 1), (0, padding)])
    words: Bits = np.packbits(padded, axis=-1, bitorder="little").view(np.uint64)
    return words


@cache
def make_catalogue(side: int) -> Catalogue:
    """Return the catalogue of a frame; a set of pixels that two descriptions share is listed once."""
    step = max(1, round(side / 10))
    sizes = sorted({side * eighths // 8 for eighths in EIGHTHS})
    masks, weights = [], []
    for family in FAMILIES:
        for kind in family:
            for height in sizes:
                for width in sizes:
                    pixels = fill_box(kind, height, width)
                    tops = range(RING, side - RING - height + 1, step)
                    lefts = range(RING, side - RING - width + 1, step)
                    for top in tops:
                        for left in lefts:
                            mask = np.zeros((side, side), np.bool_)
                            mask[top : top + height, left : left + width] = pixels
                            masks.append(mask.ravel())
                            weights.append(1 / len(family) / len(tops) / len(lefts))
    unique, inverse = np.unique(np.stack(masks), axis=0, return_inverse=True)
    probabilities = np.bincount(inverse.ravel(), weights) / sum(weights)
    return Catalogue(side, unique, pack_bits(unique), pack_bits(unique.T.copy()), probabilities.cumsum())
