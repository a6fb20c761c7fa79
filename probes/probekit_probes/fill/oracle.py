"""The oracle labels connected cells and asks which have the seed's label; it knows no generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from probekit_probes.maps import ACROSS


def read(inputs: Tensor) -> Tensor:
    """Return which open cells but the seed are dry, and which filled, (batch, 2, side, side) float32."""
    free, seed = (inputs[:, 1:].sum(1) > 0).cpu(), (inputs[:, 2] > 0).cpu()
    labels = torch.from_numpy(ndimage.label(free.numpy(), ACROSS)[0])
    mine = (labels * seed).amax((1, 2), keepdim=True)
    filled, asks = labels == mine, free & ~seed
    return torch.stack([asks & ~filled, asks & filled], 1).float().to(inputs.device)


def steps(inputs: Tensor) -> Tensor:
    """Return how many steps each open cell is from the seed, (batch, side, side) float32; NaN where it is
    the seed, cannot be reached or is a wall."""
    from scipy.sparse.csgraph import breadth_first_order

    found = np.full((len(inputs), *inputs.shape[2:]), np.nan, np.float32)
    for item, one in enumerate(inputs.cpu().numpy()):
        free, start = one[1:].sum(0) > 0, int(one[2].argmax())
        order, before = breadth_first_order(graph(free), start, directed=False)
        away = np.zeros(free.size, np.float32)
        for cell in order[1:]:
            away[cell] = away[before[cell]] + 1
        found[item].flat[order[1:]] = away[order[1:]]
    return torch.from_numpy(found).to(inputs.device)


def graph(free: NDArray[np.bool_]) -> Any:
    """Return which open cells touch, as a sparse matrix."""
    from scipy.sparse import coo_array

    number = np.arange(free.size).reshape(free.shape)
    right, down = free[:, 1:] & free[:, :-1], free[1:] & free[:-1]
    one = np.concatenate([number[:, :-1][right], number[:-1][down]])
    other = np.concatenate([number[:, 1:][right], number[1:][down]])
    return coo_array((np.ones(len(one), np.int8), (one, other)), shape=(free.size, free.size)).tocsr()
