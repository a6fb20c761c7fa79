"""Grids: images of a few kinds of cell, stored row by row as sequences of tokens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape, Value
from probekit_probes import streams
from probekit_probes.sequences import RECIPE as SEQUENCE_RECIPE
from probekit_probes.sequences import Bytes
from probekit_probes.streams import Words as Keys

RECIPE: dict[str, Value] = {**SEQUENCE_RECIPE, "matrix_lr": 2e-2}
"""The recipe for grids, on which a U-Net learns faster: see examples/results/sequences.md."""
CONNECTIVITY = np.zeros((3, 3, 3), np.int8)
CONNECTIVITY[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
"""Cells of one grid connect at their sides; different items never connect."""


WINDOW_RADIUS = 3
"""Number of cells that the window control sees in each direction."""


def build_grid_window(shape: Shape, *, width: int, radius: int = WINDOW_RADIUS) -> nn.Module:
    """Build a network that sees each cell and `radius` cells around it in each direction."""
    channels = width // 2
    layers: list[nn.Module] = [nn.Conv2d(shape.inputs, channels, 3, padding=1)]
    for _ in range(radius - 1):
        layers += [nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1)]
    return nn.Sequential(*layers, nn.GELU(), nn.Conv2d(channels, shape.outputs, 1))


PATIENCE = 2**17
"""Number of grids drawn without success before a request counts as impossible."""
ATTEMPTS = 1024
"""Greatest number of attempts for one grid."""


def draw_until_valid(
    keys: Keys, draw: Callable[[Keys], tuple[NDArray[np.bool_], Bytes, Bytes]], request: str, advice: str
) -> tuple[Bytes, Bytes]:
    """Draw grids until each is valid; grid i depends only on its key.

    Args:
        keys: one per grid, (items,).
        draw: from keys (items,) to which grids are valid, their cells and their answers.
        request: description of the grids, for the error.
        advice: how to fix the request, for the error.

    Returns:
        Cells and answers of the first valid grid of each key, (items, cells) uint8 each.

    Raises:
        UsageError: if no drawn grid is valid.
    """
    pending, accepted = np.arange(len(keys)), None
    for attempt in range(ATTEMPTS):
        valid, cells, answers = draw(streams.derive_keys(keys[pending], attempt))
        if accepted is None:
            accepted = tuple(np.empty((len(keys), *part.shape[1:]), np.uint8) for part in (cells, answers))
        for accepted_part, part in zip(accepted, (cells, answers), strict=True):
            accepted_part[pending[valid]] = part[valid]
        pending = pending[~valid]
        if not len(pending):
            return accepted[0], accepted[1]
        if len(pending) == len(keys) and attempt * len(keys) >= PATIENCE:
            break
    raise UsageError(request, f"none of the {(attempt + 1) * len(pending):,} grids drawn fits", advice)


def flood_distances(free: NDArray[np.bool_], seeds: NDArray[np.bool_], limit: int) -> NDArray[np.int16]:
    """Measure how many steps each free cell is from the seeds.

    Args:
        free: cells that a path may use, (items, rows, columns).
        seeds: cells where paths start, (items, rows, columns).
        limit: the search stops after `limit` + 1 steps.

    Returns:
        Steps, (items, rows, columns); -1 where a cell is not reached.
    """
    reached, steps = seeds.copy(), np.where(seeds, 0, -1).astype(np.int16)
    active = np.arange(len(seeds))
    for step in range(1, limit + 2):
        before = reached[active]
        after = before.copy()
        after[:, 1:] |= before[:, :-1]
        after[:, :-1] |= before[:, 1:]
        after[:, :, 1:] |= before[:, :, :-1]
        after[:, :, :-1] |= before[:, :, 1:]
        after &= free[active]
        new = after & ~before
        reached[active] = after
        steps[active] += (step + 1) * new.astype(np.int16)
        active = active[new.any((1, 2))]
        if not len(active):
            break
    return steps
