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
    found_on,
    overlaps,
    spans,
)


def side_covered(x: NDArray[np.uint16], y: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Tell which scenes hold a rectangle one of whose sides lies wholly behind a single other one, (scenes,).

    x, y: the two ends of each rectangle on each axis, in whatever order and unit, (n, 2, scenes). Such scenes
    are refused by `sides_show`; this is quick, and finds nearly all that it refuses.
    """
    (left, right), (top, bottom) = ((ends.min(axis=1), ends.max(axis=1)) for ends in (x, y))
    covered = np.zeros(x.shape[2], np.bool_)
    for d in range(1, len(x)):
        spans = [
            (first[d] < line[:d]) & (line[:d] < last[d])
            for first, last in ((left, right), (top, bottom))
            for line in (first, last)
        ]
        wide, high = spans[0] & spans[1], spans[2] & spans[3]
        covered |= (((spans[0] | spans[1]) & high) | ((spans[2] | spans[3]) & wide)).any(axis=0)
    return covered


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


def overlaps_ordered(inside: tuple[Bits, Bits], cover: Bits, top: Bits, count: int) -> NDArray[np.bool_]:
    """Tell which scenes have each overlapping pair comparable in the evidence's closure E*: F2, (scenes,).

    inside: the spans of the two axes. E, the evidence: d is above c where d shows inside the box of c, which
    is c itself once its sides show.
    """
    above = closure(found_on(top, cover, count))
    unordered = overlaps(*inside, count) & ~(above | beneath(above))
    ordered: NDArray[np.bool_] = np.all(unordered == 0, axis=1)
    return ordered


def unambiguous(across: Owners, down: Owners, omit: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """Tell which scenes have one answer, (scenes,).

    across, down: the owners of the lines of the two axes, (scenes, 2n). The rule on lines that coincide is
    kept by the ranks themselves. omit: rules left out, "sides" or "overlaps"; only to show that each is
    needed.
    """
    wide, high = spans(across), spans(down)
    cover = covers(wide, high)
    top = HIGHEST[cover]
    kept = np.ones(len(across), np.bool_)
    if "sides" not in omit:
        kept = sides_show(across, down, top)
    if "overlaps" not in omit:
        inside = wide[kept], high[kept]
        kept[kept] = overlaps_ordered(inside, cover[kept], top[kept], across.shape[1] // 2)
    return kept
