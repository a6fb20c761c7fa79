"""The second difficulty axis of scenes: the number of objects between a pixel and its evidence.

The evidence of an object is its junctions with each object that it touches. The pixel needs all of them, so
its axis is the farthest: for each of these objects take the nearest junction, and of these the farthest. The
number of objects that the straight line to it crosses tells what blocks a network that fuses information by
diffusion, which stops at occluders (Courtois et al. 2022, section 5.1.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit.plugin.axis import Axis
from probekit_probes.nonlocality.distance import BLOCK, absolute_depth_error, find_bent_blocks
from probekit_probes.scenes.surfaces import MAX_OBJECTS, SurfaceReader

EDGES = (0, 1, 2, 3, MAX_OBJECTS)
"""The last bin is three or more."""
Pixels = NDArray[np.int64]
"""Rows (image, row, column) of pixels, (pixels, 3)."""


@dataclass(frozen=True, slots=True)
class OccluderCount:
    """The number of objects between each pixel and its evidence.

    Attributes:
        reader: reads the surfaces of an image.
    """

    reader: SurfaceReader

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Count the objects, (batch, height, width) float32.

        Args:
            inputs: float32 RGB (batch, 3, height, width).
            targets: not used.

        Returns:
            NaN on the background and on objects that touch no other.
        """
        surfaces = self.reader.number_surfaces(inputs).cpu().numpy()
        counts = np.full(surfaces.shape, np.nan, np.float32)
        pixels, ends = find_evidence(surfaces)
        counts[tuple(pixels.T)] = count_crossed(surfaces, pixels, ends)
        return torch.from_numpy(counts).to(inputs.device)


def find_evidence(surfaces: NDArray[np.int64]) -> tuple[Pixels, Pixels]:
    """Find the farthest of the nearest junctions of each pixel.

    A junction of two objects is a bent block that shows both; it lies at the pixels of the first object in
    it. Distances are Euclidean. Of equally near junctions the first in the order of rows counts; of equally
    far ones that of the lowest number.

    Args:
        surfaces: 0 on the background, the number of the object elsewhere, (batch, height, width).

    Returns:
        The pixels of all objects that touch another, and the junction of each.
    """
    junctions = mark_junctions(surfaces)
    pixels, ends = [np.zeros((0, 3), np.int64)], [np.zeros((0, 3), np.int64)]
    for image, first in np.argwhere(junctions.any((2, 3, 4))):
        rows = np.argwhere(surfaces[image] == first)
        farthest = np.full(len(rows), -1)
        evidence = np.zeros_like(rows)
        for second in np.flatnonzero(junctions[image, first].any((1, 2))):
            places = np.argwhere(junctions[image, first, second])
            squares = ((rows[:, None] - places) ** 2).sum(2)
            nearest = squares.min(1)
            is_farther = nearest > farthest
            farthest[is_farther] = nearest[is_farther]
            evidence[is_farther] = places[squares[is_farther].argmin(1)]
        pixels.append(np.insert(rows, 0, image, axis=1))
        ends.append(np.insert(evidence, 0, image, axis=1))
    return np.concatenate(pixels), np.concatenate(ends)


def mark_junctions(surfaces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the junctions of every two objects.

    Args:
        surfaces: 0 on the background, the number of the object elsewhere, (batch, height, width).

    Returns:
        Entry [b, c, d] marks the pixels of c in bent blocks that show c and d, (batch, n, n, height, width)
        with n one more than the greatest number.
    """
    most = int(surfaces.max()) + 1
    batch, height, width = surfaces.shape
    junctions = np.zeros((batch, most, most, height, width), np.bool_)
    blocks, is_bent = find_bent_blocks(surfaces)
    image, top, left = np.nonzero(is_bent)
    corners: NDArray[Any] = blocks[:, is_bent]
    for first, (down, right) in zip(corners, BLOCK, strict=True):
        for second in corners:
            pair = (first > 0) & (second > 0) & (first != second)
            junctions[image[pair], first[pair], second[pair], top[pair] + down, left[pair] + right] = True
    return junctions


def count_crossed(surfaces: NDArray[np.int64], pixels: Pixels, ends: Pixels) -> NDArray[np.int64]:
    """Count the objects, other than that of its ends, that the straight line between two pixels crosses.

    Args:
        surfaces: 0 on the background, the number of the object elsewhere, (batch, height, width).
        pixels: one end of each line.
        ends: the other end, on the same object.
    """
    image, *start = pixels.T
    spans = [end - begin for begin, end in zip(start, ends.T[1:], strict=True)]
    steps = np.maximum(*map(np.abs, spans))
    bits = np.zeros(len(pixels), np.int64)
    for step in range(1, int(steps.max(initial=0))):
        line = np.flatnonzero(step < steps)
        # The line is cut into `steps` equal parts; each cut belongs to the nearest pixel, halves rounded up.
        row, column = (
            begin[line] + (2 * step * span[line] + steps[line]) // (2 * steps[line])
            for begin, span in zip(start, spans, strict=True)
        )
        bits[line] |= 1 << surfaces[image[line], row, column]
    objects = np.arange(1, MAX_OBJECTS + 1)
    crossed = (bits[:, None] >> objects) & 1
    is_other = objects != surfaces[tuple(pixels.T)][:, None]
    counts: NDArray[np.int64] = (crossed * is_other).sum(1)
    return counts


def make_occluder_axis(reader: SurfaceReader) -> Axis:
    """Return the axis of images that this reader reads."""
    return Axis(
        "occluders",
        "objects between",
        "Absolute error, by the number of objects between a pixel and the junctions that tell its level",
        OccluderCount(reader),
        absolute_depth_error,
        "lower",
        EDGES,
        (0.0, None),
    )
