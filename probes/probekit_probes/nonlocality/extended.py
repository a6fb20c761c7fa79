"""Extended pairs: rectangles whose order only their extents show, figure 4 of Courtois et al. 2022."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.nonlocality.oracle import read_depth
from probekit_probes.nonlocality.palette import RGB, palette_indices

KINDS = len(RGB)


def find_extended_pairs(inputs: Tensor) -> Tensor:
    """Find the pairs where d lies directly on c and no local cue shows it.

    d is above c and nothing is between them; no edge of c ends on a visible side of d (a T-junction), and d
    does not lie in a hole of c (convexity). The remaining cue is to extend both to their boxes and to see
    that d shows within the box of c.

    Args:
        inputs: float32 RGB (batch, 3, height, width).

    Returns:
        Entry [b, c, d] for each pair, (batch, 10, 10) bool.
    """
    reading = read_depth(inputs)
    is_between = (reading.above.float() @ reading.above.float()) > 0.5
    return reading.above & ~is_between & ~reading.inside & ~find_junctions(palette_indices(inputs))[:, 1:, 1:]


def find_junctions(index: Tensor) -> Tensor:
    """Find where an edge of c ends at a side of d.

    A T-junction is a square of four pixels: two of d, side by side, one of c and one of neither.

    Args:
        index: palette indices, (batch, height, width).

    Returns:
        Entry [b, c, d] for each pair, (batch, 11, 11) bool; 0 is the background.
    """
    corners = (index[:, :-1, :-1], index[:, :-1, 1:], index[:, 1:, 1:], index[:, 1:, :-1])
    has_junction = torch.zeros(len(index), KINDS, KINDS, dtype=torch.bool, device=index.device)
    for turn in range(4):
        bar, next_to_bar, stem_1, stem_2 = (corners[(turn + corner) % 4] for corner in range(4))
        is_junction = (bar == next_to_bar) & (stem_1 != stem_2) & (stem_1 != bar) & (stem_2 != bar)
        has_junction |= mark_pairs(stem_1, bar, is_junction) | mark_pairs(stem_2, bar, is_junction)
    return has_junction


def mark_pairs(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Return which pairs of values (first, second) occur inside the mask, (batch, 11, 11) bool."""
    pairs = (first * KINDS + second).flatten(1)
    counts = torch.zeros(len(pairs), KINDS * KINDS, dtype=torch.int32, device=first.device)
    counts.scatter_add_(1, pairs, mask.flatten(1).int())
    return (counts > 0).view(-1, KINDS, KINDS)
