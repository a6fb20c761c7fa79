"""Two oracles of insideness: one floods the image from a corner, one counts how often a ray meets the curve.

Neither shares code with the generator.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from probekit_probes.grids import CONNECTIVITY


def solve_sides(inputs: Tensor) -> Tensor:
    """Return which open pixels are outside the curve and which are inside, (batch, 2, size, size) float32."""
    free = inputs[:, 0] > 0
    labels = torch.from_numpy(ndimage.label(free.cpu().numpy(), CONNECTIVITY)[0]).to(inputs.device)
    outside = labels == labels[:, :1, :1]
    return torch.stack([free & outside, free & ~outside], 1).float()


def count_crossings(inputs: Tensor) -> Tensor:
    """Count the lines of the curve that a ray to the right crosses from each pixel, (batch, size, size).

    The ray runs just below the pixel's row, so it crosses lines that lead down and touches none. An odd
    number means inside (Jordan).
    """
    curve = inputs[:, 1]
    down = curve * torch.cat([curve[:, 1:], torch.zeros_like(curve[:, :1])], 1)
    return down.flip(2).cumsum(2).flip(2) - down


def is_simple_curve(inputs: Tensor) -> Tensor:
    """Return which images hold one closed curve that never touches itself, (batch,) bool."""
    curve = inputs[:, 1]
    padded = torch.nn.functional.pad(curve, (1, 1, 1, 1))
    neighbours = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    labels = ndimage.label(curve.cpu().numpy(), CONNECTIVITY)[0]
    connected = [len(np.unique(image[image > 0])) == 1 for image in labels]
    is_closed = ((neighbours == 2) | (curve == 0)).flatten(1).all(1)
    return is_closed & torch.tensor(connected, device=inputs.device)


def mark_rim(inputs: Tensor) -> Tensor:
    """Return the pixels at most one pixel inside the box around each curve, (batch, size, size) bool."""
    curve = inputs[:, 1] > 0
    spans = []
    for axis in (2, 1):
        used = curve.any(axis).int()
        before, after = used.cumsum(1) > 0, used.flip(1).cumsum(1).flip(1) > 0
        depth = torch.minimum((before * 1).cumsum(1), (after * 1).flip(1).cumsum(1).flip(1))
        spans.append(depth)
    rows, columns = spans[0][:, :, None], spans[1][:, None]
    depth = torch.minimum(rows, columns)
    return (depth > 0) & (depth <= 2)
