"""The oracle of fill: it labels connected cells and fills those with the label of the seed.

It shares no code with the generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from probekit_probes.grids import CONNECTIVITY


def solve_easy_mazes(inputs: Tensor, within: int) -> Tensor:
    """Return which cells near the seed are dry and which are filled by a path of at most `within` steps.

    Returns:
        (batch, 2, side, side) float32, zero at all other cells.
    """
    free, seed = inputs[:, 1:].sum(1) > 0, inputs[:, 2]
    offsets = (torch.arange(2 * within + 1, device=inputs.device) - within).abs()
    diamond = ((offsets[:, None] + offsets) <= within).float()[None, None]
    near = torch.nn.functional.conv2d(seed[:, None], diamond, padding=within)[:, 0] > 0
    filled = count_path_steps(inputs) <= within
    asked = near & free & (seed == 0)
    return torch.stack([asked & ~filled, asked & filled], 1).float()


def solve_mazes(inputs: Tensor) -> Tensor:
    """Return which open cells, without the seed, are dry and which are filled.

    Returns:
        (batch, 2, side, side) float32.
    """
    free, seed = (inputs[:, 1:].sum(1) > 0).cpu(), (inputs[:, 2] > 0).cpu()
    labels = torch.from_numpy(ndimage.label(free.numpy(), CONNECTIVITY)[0])
    seed_label = (labels * seed).amax((1, 2), keepdim=True)
    filled, mask = labels == seed_label, free & ~seed
    return torch.stack([mask & ~filled, mask & filled], 1).float().to(inputs.device)


def count_path_steps(inputs: Tensor) -> Tensor:
    """Count the steps from the seed to each open cell.

    Returns:
        Steps, (batch, side, side) float32; NaN at the seed, at walls and where no path leads.
    """
    from scipy.sparse.csgraph import breadth_first_order

    steps = np.full((len(inputs), *inputs.shape[2:]), np.nan, np.float32)
    for item, maze in enumerate(inputs.cpu().numpy()):
        free, start = maze[1:].sum(0) > 0, int(maze[2].argmax())
        order, before = breadth_first_order(build_cell_graph(free), start, directed=False)
        distance = np.zeros(free.size, np.float32)
        for cell in order[1:]:
            distance[cell] = distance[before[cell]] + 1
        steps[item].flat[order[1:]] = distance[order[1:]]
    return torch.from_numpy(steps).to(inputs.device)


def build_cell_graph(free: NDArray[np.bool_]) -> Any:
    """Return the graph of neighbouring open cells as a sparse matrix."""
    from scipy.sparse import coo_array

    number = np.arange(free.size).reshape(free.shape)
    right, down = free[:, 1:] & free[:, :-1], free[1:] & free[:-1]
    source = np.concatenate([number[:, :-1][right], number[:-1][down]])
    target = np.concatenate([number[:, 1:][right], number[1:][down]])
    return coo_array((np.ones(len(source), np.int8), (source, target)), shape=(free.size, free.size)).tocsr()
