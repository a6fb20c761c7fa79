"""Maps are words that hold the rows of an image: what probes on a plane of few kinds of cells share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from probekit.errors import UsageError
from probekit.interfaces import Shape, Value
from probekit_probes import streams, words
from probekit_probes.streams import Words as Keys
from probekit_probes.words import Bytes

RECIPE: dict[str, Value] = {**words.RECIPE, "matrix_lr": 2e-2}
"""What networks are trained by on maps: a U-Net comes further so, see examples/results/sequences.md."""
ACROSS = np.zeros((3, 3, 3), np.int8)
ACROSS[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
"""Cells of one map touch at their sides; maps do not touch."""


SEEN = 3
"""Cells each way that the window control sees."""


def window(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each cell and three around it each way, and nothing else."""
    across = width // 2
    layers: list[nn.Module] = [nn.Conv2d(shape.inputs, across, 3, padding=1)]
    for _ in range(SEEN - 1):
        layers += [nn.GELU(), nn.Conv2d(across, across, 3, padding=1)]
    return nn.Sequential(*layers, nn.GELU(), nn.Conv2d(across, shape.outputs, 1))


PATIENCE = 2**17
"""Maps that are drawn in vain before a demand is called impossible."""
ATTEMPTS = 1024
"""How often one map is drawn anew before it is."""


def redrawn(
    keys: Keys, draw: Callable[[Keys], tuple[NDArray[np.bool_], Bytes, Bytes]], asked: str, advice: str
) -> tuple[Bytes, Bytes]:
    """Return cells and answers, (items, cells) uint8 each, of the first maps that are fine.

    draw: from keys (items,) to which maps are fine, their cells and their answers; map i hangs on its key
    alone. asked, advice: for the error. Raises UsageError where no such map is found.
    """
    left, found = np.arange(len(keys)), None
    for attempt in range(ATTEMPTS):
        fine, cells, answers = draw(streams.key(keys[left], attempt))
        if found is None:
            found = tuple(np.empty((len(keys), *part.shape[1:]), np.uint8) for part in (cells, answers))
        for whole, part in zip(found, (cells, answers), strict=True):
            whole[left[fine]] = part[fine]
        left = left[~fine]
        if not len(left):
            return found[0], found[1]
        if len(left) == len(keys) and attempt * len(keys) >= PATIENCE:
            break
    raise UsageError(asked, f"of {(attempt + 1) * len(left):,} maps drawn none is such a one", advice)


def flooded(free: NDArray[np.bool_], seeds: NDArray[np.bool_], most: int) -> NDArray[np.int16]:
    """Return how many steps from the seeds each free cell is, (items, rows, columns); -1 where it cannot be
    reached, or not in `most` + 1 steps."""
    reached, steps = seeds.copy(), np.where(seeds, 0, -1).astype(np.int16)
    going = np.arange(len(seeds))
    for step in range(1, most + 2):
        now = reached[going]
        wet = now.copy()
        wet[:, 1:] |= now[:, :-1]
        wet[:, :-1] |= now[:, 1:]
        wet[:, :, 1:] |= now[:, :, :-1]
        wet[:, :, :-1] |= now[:, :, 1:]
        wet &= free[going]
        new = wet & ~now
        reached[going] = wet
        steps[going] += (step + 1) * new.astype(np.int16)
        going = going[new.any((1, 2))]
        if not len(going):
            break
    return steps
