"""Distance: how far each pixel of a rectangle is from the nearest place that tells who lies above whom.

Such places are junctions: two by two pixels of which some are the rectangle's and some another's, and which
no straight side divides. There a contour ends at another (a T-junction), or a corner shows (convexity): the
local cues of Courtois et al. 2022, section 3.1. What is far from them is what "links local cues to distant
inferences" asks for.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit.axis import Axis
from probekit_probes.nonlocality.palette import indices

EDGES = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135)


def distance(inputs: Tensor, targets: Tensor) -> Tensor:
    """Return for each pixel of a rectangle how many steps, diagonal ones too, it is from its next junction.

    inputs: float32 RGB (batch, 3, height, width). (batch, height, width) float32; NaN on the background and
    on rectangles that meet no other, whose level is one whatever lies elsewhere. targets are not read.
    """
    from scipy.ndimage import distance_transform_cdt

    colours = indices(inputs).cpu().numpy()
    found = np.full(colours.shape, np.nan, np.float32)
    blocks = np.stack([colours[:, :-1, :-1], colours[:, :-1, 1:], colours[:, 1:, :-1], colours[:, 1:, 1:]])
    across = (blocks[0] == blocks[1]) & (blocks[2] == blocks[3])
    down = (blocks[0] == blocks[2]) & (blocks[1] == blocks[3])
    bent = ~(across | down)
    for colour in range(1, int(colours.max()) + 1):
        own = blocks == colour
        here = bent & own.any(0) & (~own & (blocks > 0)).any(0)
        for image in np.flatnonzero(here.any((1, 2))):
            far = distance_transform_cdt(~spread(here[image]), "chessboard")
            mask = colours[image] == colour
            found[image][mask] = far[mask]
    return torch.from_numpy(found).to(inputs.device)


def spread(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of blocks, (height, width), from where blocks are, one less each way."""
    pixels = np.zeros((blocks.shape[0] + 1, blocks.shape[1] + 1), np.bool_)
    for row in (slice(None, -1), slice(1, None)):
        for column in (slice(None, -1), slice(1, None)):
            pixels[row, column] |= blocks
    return pixels


def error(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the absolute error of the depth at each pixel, (batch, height, width)."""
    return (output - target).abs()[:, 0]


DISTANCE = Axis(
    "distance",
    "pixels",
    "Absolute error by the distance from the next junction with another rectangle",
    distance,
    error,
    "lower",
    EDGES,
    (0.0, None),
)
