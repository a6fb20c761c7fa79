"""The oracle fills from a corner of the image; a second one counts how often a ray crosses the curve. Neither
knows the generator."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from probekit_probes.maps import ACROSS


def read(inputs: Tensor) -> Tensor:
    """Return which open pixels are outside the curve, and which inside, (batch, 2, size, size) float32."""
    free = inputs[:, 0] > 0
    labels = torch.from_numpy(ndimage.label(free.cpu().numpy(), ACROSS)[0]).to(inputs.device)
    outside = labels == labels[:, :1, :1]
    return torch.stack([free & outside, free & ~outside], 1).float()


def crossings(inputs: Tensor) -> Tensor:
    """Return how many lines of the curve a ray to the right crosses from each pixel, (batch, size, size).

    It runs just below the pixel's row, so that it crosses lines that lead down and touches none. Odd is
    inside (Jordan).
    """
    curve = inputs[:, 1]
    down = curve * torch.cat([curve[:, 1:], torch.zeros_like(curve[:, :1])], 1)
    return down.flip(2).cumsum(2).flip(2) - down


def simple(inputs: Tensor) -> Tensor:
    """Return which curves are closed, never touch themselves and are one, (batch,) bool."""
    curve = inputs[:, 1]
    padded = torch.nn.functional.pad(curve, (1, 1, 1, 1))
    beside = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    labels = ndimage.label(curve.cpu().numpy(), ACROSS)[0]
    ones = [len(np.unique(one[one > 0])) == 1 for one in labels]
    return ((beside == 2) | (curve == 0)).flatten(1).all(1) & torch.tensor(ones, device=inputs.device)
