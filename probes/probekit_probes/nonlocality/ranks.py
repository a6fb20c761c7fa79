"""Ranks: a scene of rectangles without its metric, as the owner of the line of each rank on each axis.

A scene of n rectangles has 2n lines per axis. `owners` is (scenes, 2n) int64: entry r is the rectangle whose
side is the r-th line. Rectangle n - 1 is painted last. The lines cut the frame into (2n + 1)^2 cells; cell 0
of an axis lies before the first line. Sets of rectangles are bits of a uint16. The ranks alone decide whether
a scene is unambiguous, and its levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint16]
Owners = NDArray[np.int64]
MAX_RECTANGLES = 10

HIGHEST: Bits = np.array([0] + [1 << (i.bit_length() - 1) for i in range(1, 1 << MAX_RECTANGLES)], np.uint16)
SIZE: NDArray[np.uint8] = np.array([i.bit_count() for i in range(1 << MAX_RECTANGLES)], np.uint8)
EMPTY = np.uint16(0)


def to_set(rectangles: NDArray[np.int64]) -> Bits:
    """Return each rectangle as a set with one member."""
    return np.left_shift(1, rectangles).astype(np.uint16)


def compute_spans(owners: Owners) -> Bits:
    """Return the set of rectangles that span each interval of an axis, (scenes, 2n + 1)."""
    sets = np.zeros((owners.shape[0], owners.shape[1] + 1), np.uint16)
    np.bitwise_xor.accumulate(to_set(owners), axis=1, out=sets[:, 1:])
    return sets


def compute_cover(across: Bits, down: Bits) -> Bits:
    """Return the set of rectangles that cover each cell, (scenes, rows, columns), from both axes' spans."""
    cover: Bits = down[:, :, None] & across[:, None, :]
    return cover


def collect_sets(sets: Bits, cover: Bits, count: int) -> Bits:
    """Unite, for each rectangle, the sets on the cells or intervals it covers, without the rectangle itself.

    Args:
        sets: a set per cell or interval, (scenes, ...).
        cover: the rectangles that cover each cell or interval, same shape.
        count: number of rectangles, n.

    Returns:
        A set per rectangle, (scenes, n).
    """
    axes = tuple(range(1, cover.ndim))
    united = np.empty((len(cover), count), np.uint16)
    for c in range(count):
        covered_sets = np.where(cover & np.uint16(1 << c), sets, EMPTY)
        united[:, c] = np.bitwise_or.reduce(covered_sets, axis=axes) & ~np.uint16(1 << c)
    return united


def find_overlaps(across: Bits, down: Bits, count: int) -> Bits:
    """Return the set of rectangles that share a cell with each one, (scenes, n), from both axes' spans."""
    return collect_sets(across, across, count) & collect_sets(down, down, count)


def transitive_closure(above: Bits) -> Bits:
    """Return the transitive closure of a relation: the set above each rectangle, (scenes, n)."""
    above = above.copy()
    for k in range(above.shape[1]):
        above |= np.where((above >> k) & 1 == 1, above[:, k : k + 1], EMPTY)
    return above


def invert_relation(above: Bits) -> Bits:
    """Return the inverse relation: the set beneath each rectangle, (scenes, n)."""
    count = above.shape[1]
    weights = (1 << np.arange(count)).astype(np.uint16)
    columns = [(((above >> d) & 1) * weights).sum(axis=1, dtype=np.uint16) for d in range(count)]
    return np.stack(columns, axis=1)


def true_relation(across: Bits, down: Bits, visible: Bits, count: int) -> Bits:
    """Return T: the visible rectangles that overlap each visible one and were painted later, (scenes, n).

    Hidden rectangles transmit no order: if A lies over a hidden H over B, and A and B do not overlap, then A
    and B are not ordered.

    Args:
        across: the spans of the horizontal axis.
        down: the spans of the vertical axis.
        visible: the set of visible rectangles, (scenes,).
        count: number of rectangles, n.
    """
    later = np.array([((1 << count) - 1) & ~((2 << c) - 1) for c in range(count)], np.uint16)
    is_visible = (visible[:, None] >> np.arange(count, dtype=np.uint16)) & 1 == 1
    return find_overlaps(across, down, count) & later & np.where(is_visible, visible[:, None], EMPTY)


def compute_levels(relation: Bits, visible: Bits, reading: str) -> NDArray[np.uint8]:
    """Return the level of each visible rectangle, 0 where hidden, (scenes, n).

    Args:
        relation: the set above each rectangle, (scenes, n).
        visible: the set of visible rectangles, (scenes,).
        reading: "down-set", 1 + the number of rectangles beneath it in the closure (figure 2 of Courtois et
            al. 2022: "the number of rectangles that are beneath"); or "chain", the length of the longest
            chain of rectangles that ends with it.
    """
    count = relation.shape[1]
    is_visible = (visible[:, None] >> np.arange(count, dtype=np.uint16)) & 1
    if reading == "down-set":
        return (is_visible * (1 + SIZE[invert_relation(transitive_closure(relation))])).astype(np.uint8)
    chain = np.ones(relation.shape, np.uint8)
    beneath = invert_relation(relation)
    for d in range(count):
        for c in range(d):
            longer = np.where((beneath[:, d] >> c) & 1 == 1, chain[:, c] + 1, 0)
            chain[:, d] = np.maximum(chain[:, d], longer)
    return (is_visible * chain).astype(np.uint8)
