"""Ranks: a scene of rectangles with the metric left out, as who owns the line of each rank on each axis.

A scene of n rectangles has 2n lines an axis. `owners` is (scenes, 2n) int64: entry r is the rectangle whose
side is the r-th line. Rectangle n - 1 is painted last. The lines cut the frame into (2n + 1)^2 cells; cell 0
of an axis lies before the first line. Sets of rectangles are bits of a uint16. Whether a scene is
unambiguous, and what its levels are, depends on the ranks alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint16]
Owners = NDArray[np.int64]
MOST = 10

HIGHEST: Bits = np.array([0] + [1 << (i.bit_length() - 1) for i in range(1, 1 << MOST)], np.uint16)
SIZE: NDArray[np.uint8] = np.array([i.bit_count() for i in range(1 << MOST)], np.uint8)
EMPTY = np.uint16(0)


def bit(members: NDArray[np.int64]) -> Bits:
    """Return each rectangle as a set of one."""
    return np.left_shift(1, members).astype(np.uint16)


def spans(owners: Owners) -> Bits:
    """Return who spans each interval of an axis, (scenes, 2n + 1)."""
    inside = np.zeros((owners.shape[0], owners.shape[1] + 1), np.uint16)
    np.bitwise_xor.accumulate(bit(owners), axis=1, out=inside[:, 1:])
    return inside


def covers(across: Bits, down: Bits) -> Bits:
    """Return who covers each cell, (scenes, rows, columns), from the spans of the two axes."""
    cover: Bits = down[:, :, None] & across[:, None, :]
    return cover


def found_on(sets: Bits, cover: Bits, count: int) -> Bits:
    """Return for each rectangle the others found in `sets` on cells or intervals it covers, (scenes, n)."""
    places = tuple(range(1, cover.ndim))
    found = np.empty((len(cover), count), np.uint16)
    for c in range(count):
        here = np.where(cover & np.uint16(1 << c), sets, EMPTY)
        found[:, c] = np.bitwise_or.reduce(here, axis=places) & ~np.uint16(1 << c)
    return found


def overlaps(across: Bits, down: Bits, count: int) -> Bits:
    """Return for each rectangle the others that share a cell with it, (scenes, n), from both axes' spans."""
    return found_on(across, across, count) & found_on(down, down, count)


def closure(above: Bits) -> Bits:
    """Return the transitive closure of a relation given as the set above each rectangle, (scenes, n)."""
    above = above.copy()
    for k in range(above.shape[1]):
        above |= np.where((above >> k) & 1 == 1, above[:, k : k + 1], EMPTY)
    return above


def beneath(above: Bits) -> Bits:
    """Return the relation turned round: the set beneath each rectangle."""
    count = above.shape[1]
    weights = (1 << np.arange(count)).astype(np.uint16)
    columns = [(((above >> d) & 1) * weights).sum(axis=1, dtype=np.uint16) for d in range(count)]
    return np.stack(columns, axis=1)


def true_relation(across: Bits, down: Bits, visible: Bits, count: int) -> Bits:
    """Return T: the visible rectangles that overlap each visible one and were painted later, (scenes, n).

    across, down: the spans of the two axes.
    Hidden rectangles transmit no order: A over hidden H over B, A and B apart, says nothing of A and B.
    """
    later = np.array([((1 << count) - 1) & ~((2 << c) - 1) for c in range(count)], np.uint16)
    here = np.where((visible[:, None] >> np.arange(count, dtype=np.uint16)) & 1 == 1, visible[:, None], EMPTY)
    return overlaps(across, down, count) & later & here


def levels(relation: Bits, visible: Bits, reading: str) -> NDArray[np.uint8]:
    """Return the level of each visible rectangle, 0 where hidden, (scenes, n).

    reading: "down-set", 1 + how many lie beneath it in the closure (figure 2 of Courtois et al. 2022: "the
    number of rectangles that are beneath"), or "chain", the length of the longest chain of rectangles ending
    with it.
    """
    count = relation.shape[1]
    seen = (visible[:, None] >> np.arange(count, dtype=np.uint16)) & 1
    if reading == "down-set":
        return (seen * (1 + SIZE[beneath(closure(relation))])).astype(np.uint8)
    chain = np.ones(relation.shape, np.uint8)
    under = beneath(relation)
    for d in range(count):
        for c in range(d):
            longer = np.where((under[:, d] >> c) & 1 == 1, chain[:, c] + 1, 0)
            chain[:, d] = np.maximum(chain[:, d], longer)
    return (seen * chain).astype(np.uint8)
