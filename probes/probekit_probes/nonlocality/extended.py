"""Extended pairs are rectangles whose order only their extents tell: figure 4 of Courtois et al. 2022."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.nonlocality.oracle import read
from probekit_probes.nonlocality.palette import RGB, indices

KINDS = len(RGB)


def extended(inputs: Tensor) -> Tensor:
    """Return the pairs, (batch, 10, 10) bool: [b, c, d] where d lies right on c and no local cue says so.

    d is above c and nothing is between them; no side of d shows where an edge of c ends on it (a T-junction),
    and d does not lie in a hole of c (convexity). What is left is to extend both to their boxes and to see
    that d shows within that of c. inputs: float32 RGB (batch, 3, height, width).
    """
    found = read(inputs)
    between = (found.above.float() @ found.above.float()) > 0.5
    return found.above & ~between & ~found.inside & ~junctions(indices(inputs))[:, 1:, 1:]


def junctions(index: Tensor) -> Tensor:
    """Tell where an edge of c ends at a side of d, (batch, 11, 11) bool with entry [b, c, d]; 0 is
    the background.

    A T-junction is a square of four pixels, two side by side of d, the other two of c and something else.
    """
    corners = (index[:, :-1, :-1], index[:, :-1, 1:], index[:, 1:, 1:], index[:, 1:, :-1])
    found = torch.zeros(len(index), KINDS, KINDS, dtype=torch.bool, device=index.device)
    for turn in range(4):
        bar, other, left, right = (corners[(turn + place) % 4] for place in range(4))
        is_junction = (bar == other) & (left != right) & (left != bar) & (right != bar)
        found |= marked(left, bar, is_junction) | marked(right, bar, is_junction)
    return found


def marked(first: Tensor, second: Tensor, where: Tensor) -> Tensor:
    """Return which pairs of values (first, second) occur in an image, (batch, 11, 11) bool."""
    pairs = (first * KINDS + second).flatten(1)
    found = torch.zeros(len(pairs), KINDS * KINDS, dtype=torch.int32, device=first.device)
    found.scatter_add_(1, pairs, where.flatten(1).int())
    return (found > 0).view(-1, KINDS, KINDS)
