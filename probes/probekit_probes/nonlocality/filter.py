"""The filter for unambiguous scenes: every side is visible, and every overlap has a visible order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes.nonlocality.ranks import (
    HIGHEST,
    Bits,
    Owners,
    collect_sets,
    compute_cover,
    compute_spans,
    find_overlaps,
    invert_relation,
    to_set,
    transitive_closure,
)


def has_covered_side(x: NDArray[np.uint16], y: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return which scenes have a rectangle with a side wholly behind one other rectangle, (scenes,).

    `are_sides_visible` rejects these scenes too; this test is fast and catches nearly all that it rejects.

    Args:
        x: the two ends of each rectangle on the horizontal axis, in any order and unit, (n, 2, scenes).
        y: the same on the vertical axis.
    """
    (left, right), (top, bottom) = ((ends.min(axis=1), ends.max(axis=1)) for ends in (x, y))
    is_covered = np.zeros(x.shape[2], np.bool_)
    for d in range(1, len(x)):
        inside = [
            (first[d] < line[:d]) & (line[:d] < last[d])
            for first, last in ((left, right), (top, bottom))
            for line in (first, last)
        ]
        both_x, both_y = inside[0] & inside[1], inside[2] & inside[3]
        is_covered |= (((inside[0] | inside[1]) & both_y) | ((inside[2] | inside[3]) & both_x)).any(axis=0)
    return is_covered


def are_sides_visible(across: Owners, down: Owners, top: Bits) -> NDArray[np.bool_]:
    """Return which scenes show a border pixel of every side of every rectangle, (scenes,).

    With distinct lines this is the same as "the box of the visible part of a rectangle is the rectangle", and
    as F1: no opposite sides of two visible boxes coincide.

    Args:
        across: owners of the lines of the horizontal axis, (scenes, 2n).
        down: owners of the lines of the vertical axis.
        top: the topmost rectangle of each cell, (scenes, rows, columns).
    """
    visible: NDArray[np.bool_] = np.ones(len(across), np.bool_)
    for owners, axis in ((across, 1), (down, 2)):
        strips = np.bitwise_or.reduce(top, axis=axis)
        visible &= np.all((strips[:, :-1] | strips[:, 1:]) & to_set(owners), axis=1)
    return visible


def are_overlaps_ordered(inside: tuple[Bits, Bits], cover: Bits, top: Bits, count: int) -> NDArray[np.bool_]:
    """Return which scenes have each overlapping pair comparable in the evidence's closure E*: F2, (scenes,).

    The evidence E: d is above c where d shows inside the box of c, which is c itself once its sides show.

    Args:
        inside: the spans of the two axes.
        cover: the rectangles that cover each cell, (scenes, rows, columns).
        top: the topmost rectangle of each cell, (scenes, rows, columns).
        count: number of rectangles.
    """
    above = transitive_closure(collect_sets(top, cover, count))
    unordered = find_overlaps(*inside, count) & ~(above | invert_relation(above))
    is_ordered: NDArray[np.bool_] = np.all(unordered == 0, axis=1)
    return is_ordered


def is_unambiguous(across: Owners, down: Owners, omit: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """Return which scenes have one answer, (scenes,).

    The ranks themselves keep the rule on lines that coincide.

    Args:
        across: owners of the lines of the horizontal axis, (scenes, 2n).
        down: owners of the lines of the vertical axis.
        omit: rules to leave out, "sides" or "overlaps"; only to show that each rule is needed.
    """
    wide, high = compute_spans(across), compute_spans(down)
    cover = compute_cover(wide, high)
    top = HIGHEST[cover]
    accepted = np.ones(len(across), np.bool_)
    if "sides" not in omit:
        accepted = are_sides_visible(across, down, top)
    if "overlaps" not in omit:
        inside = wide[accepted], high[accepted]
        accepted[accepted] = are_overlaps_ordered(
            inside, cover[accepted], top[accepted], across.shape[1] // 2
        )
    return accepted
