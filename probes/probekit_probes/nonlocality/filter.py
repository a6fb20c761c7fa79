"""The filter keeps the unambiguous scenes: each side shows, each overlap can be ordered from the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes.nonlocality.ranks import (
    HIGHEST,
    Bits,
    Owners,
    beneath,
    bit,
    closure,
    covers,
    neighbours,
    spans,
)


def sides_show(across: Owners, down: Owners, top: Bits) -> NDArray[np.bool_]:
    """Tell which scenes show a border pixel of every side of every rectangle, (scenes,).

    top: the topmost rectangle of each cell, (scenes, rows, columns). With distinct lines this is the same as
    "the box of what is visible of a rectangle is the rectangle", and as F1: no opposite sides of two visible
    boxes coincide.
    """
    shown: NDArray[np.bool_] = np.ones(len(across), np.bool_)
    for owners, axis in ((across, 1), (down, 2)):
        strips = np.bitwise_or.reduce(top, axis=axis)
        shown &= np.all((strips[:, :-1] | strips[:, 1:]) & bit(owners), axis=1)
    return shown


def overlaps_ordered(cover: Bits, top: Bits, count: int) -> NDArray[np.bool_]:
    """Tell which scenes have each overlapping pair comparable in the evidence's closure E*: F2, (scenes,).

    E, the evidence: d is above c where d shows inside the box of c, which is c itself once its sides show.
    """
    above = closure(neighbours(top, cover, count))
    unordered = neighbours(cover, cover, count) & ~(above | beneath(above))
    ordered: NDArray[np.bool_] = np.all(unordered == 0, axis=1)
    return ordered


def unambiguous(across: Owners, down: Owners, omit: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """Tell which scenes have one answer, (scenes,).

    across, down: the owners of the lines of the two axes, (scenes, 2n). The rule on lines that coincide is
    kept by the ranks themselves. omit: rules left out, "sides" or "overlaps"; only to show that each is
    needed.
    """
    cover = covers(spans(across), spans(down))
    top = HIGHEST[cover]
    kept = np.ones(len(across), np.bool_)
    if "sides" not in omit:
        kept = sides_show(across, down, top)
    if "overlaps" not in omit:
        kept[kept] = overlaps_ordered(cover[kept], top[kept], across.shape[1] // 2)
    return kept
