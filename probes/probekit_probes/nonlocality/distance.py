"""The difficulty axis of nonlocality: the distance of a pixel from the nearest junction of its rectangle.

A junction is a block of two by two pixels that holds pixels of the rectangle and of another one and that no
straight side divides. It shows which rectangle is on top: a contour ends at another (a T-junction), or a
corner is visible (convexity). These are the local cues of Courtois et al. 2022, section 3.1; pixels far from
a junction need the paper's "links local cues to distant inferences".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit.plugin.axis import Axis
from probekit_probes.nonlocality.palette import palette_indices

BLOCK = ((0, 0), (0, 1), (1, 0), (1, 1))
"""The pixels (row, column) of a block."""
EDGES = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135)


def junction_distance(inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the distance of each pixel from the nearest junction of its rectangle.

    Args:
        inputs: float32 RGB (batch, 3, height, width).
        targets: not used.

    Returns:
        Number of steps, diagonal steps included, (batch, height, width) float32. NaN on the background and on
        rectangles that touch no other: their level is always one.
    """
    from scipy.ndimage import distance_transform_cdt

    colours = palette_indices(inputs).cpu().numpy()
    distances = np.full(colours.shape, np.nan, np.float32)
    blocks, is_bent = find_bent_blocks(colours)
    for colour in range(1, int(colours.max()) + 1):
        is_colour = blocks == colour
        is_junction = is_bent & is_colour.any(0) & (~is_colour & (blocks > 0)).any(0)
        for image in np.flatnonzero(is_junction.any((1, 2))):
            steps = distance_transform_cdt(~mark_block_pixels(is_junction[image]), "chessboard")
            mask = colours[image] == colour
            distances[image][mask] = steps[mask]
    return torch.from_numpy(distances).to(inputs.device)


def find_bent_blocks(surfaces: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Find the blocks of two by two pixels that no straight side divides.

    Args:
        surfaces: the number of the surface of each pixel, (batch, height, width).

    Returns:
        The surfaces of the four pixels of each block, (4, batch, height - 1, width - 1), in the order of
        `BLOCK`; and whether the block is bent, (batch, height - 1, width - 1).
    """
    blocks = np.stack(
        [surfaces[:, :-1, :-1], surfaces[:, :-1, 1:], surfaces[:, 1:, :-1], surfaces[:, 1:, 1:]]
    )
    horizontal = (blocks[0] == blocks[1]) & (blocks[2] == blocks[3])
    vertical = (blocks[0] == blocks[2]) & (blocks[1] == blocks[3])
    return blocks, ~(horizontal | vertical)


@dataclass(frozen=True, slots=True)
class PixelsByDistance:
    """A mask of the rectangle pixels `nearest` to `farthest` pixels from the nearest junction."""

    nearest: float
    farthest: float

    def __call__(self, inputs: Tensor) -> Tensor:
        distances = junction_distance(inputs, inputs).flatten(1)
        return (distances >= self.nearest) & (distances <= self.farthest)  # False where the distance is NaN


def mark_block_pixels(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels (height, width) covered by the marked 2 x 2 blocks (height - 1, width - 1)."""
    pixels = np.zeros((blocks.shape[0] + 1, blocks.shape[1] + 1), np.bool_)
    for row in (slice(None, -1), slice(1, None)):
        for column in (slice(None, -1), slice(1, None)):
            pixels[row, column] |= blocks
    return pixels


def absolute_depth_error(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the absolute error of the depth at each pixel, (batch, height, width)."""
    return (output - target).abs()[:, 0]


DISTANCE = Axis(
    "distance",
    "pixels",
    "Absolute error, by the distance from the nearest junction with another rectangle",
    junction_distance,
    absolute_depth_error,
    "lower",
    EDGES,
    (0.0, None),
)
