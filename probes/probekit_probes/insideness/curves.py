"""Curves part an image into corridors inside and outside; nothing near tells which is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.maps import flooded, redrawn
from probekit_probes.words import UNASKED, Alphabet, Bytes

OPEN, CURVE = range(2)
OUTSIDE, INSIDE = range(2)
WALK, STIR, GAP, PLACE = range(4)
BORDER = 7
"""Pixels from an edge of the image in which the two curves round one tree may differ."""
STRIDE = 64
"""Steps that are walked before those whose walks have ended are left out."""
SWEEPS = 32
"""How often each cell may change sides: after 16 nothing is left of where the tree had its nodes."""
FOLDED = 1.0
"""By so much a curve one cell's side longer is likelier, in logarithms; at 0 corridors grow wide."""
ALWAYS, AT_TIMES = (0, 1), (2, 3)
"""Bits of a cell outside, and of one inside: it changes sides; it does where a shorter curve is likely."""
RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""The cells around a cell, in turn: rows and columns of a square of three."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Design:
    """size: of an image, in pixels, a multiple of 4. reach: pixels between the border and the middle, where
    answers count. near, far: the longest of all shortest ways out of the middle, in steps."""

    size: int
    reach: int
    near: int
    far: int

    @property
    def nodes(self) -> int:
        """Nodes a side of the tree."""
        return self.size // 4 - 2

    @property
    def middle(self) -> slice:
        """Rows, or columns, from which no window of this reach sees what tells the curves of a tree apart."""
        return slice(BORDER + self.reach, self.size - BORDER - self.reach)

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are open pixels and those of the curve; the classes are outside and inside."""
        return Alphabet(2, 2, (self.size, self.size))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return pixels and answers, (items, size * size) uint8 each, of keys (items,).

        Raises UsageError where images of this size have no such curves.
        """
        ways = f"{self.near} to {self.far}" if self.near <= self.far else f"{self.near} or more"
        asked = f"curves on {self.size} x {self.size} pixels with ways of {ways} steps out of the middle"
        return redrawn(keys, self.draw, asked, "Type a lower near=, or a higher size=.")

    def draw(self, keys: streams.Words) -> tuple[Mask, Bytes, Bytes]:
        """Return which curves are fine, their pixels and their answers."""
        cells = stirred(spanning(streams.key(keys, WALK), self.nodes), streams.key(keys, STIR))
        inside, fits = enclosed(cells, streams.words(streams.key(keys, GAP), 3))
        kinds = placed(outlined(inside), streams.words(streams.key(keys, PLACE), 2), self.size)
        longest = steps(kinds != UNASKED, self.middle, self.far).max((1, 2))
        curve = np.where(kinds == UNASKED, CURVE, OPEN).astype(np.uint8)
        fine = fits & (longest >= self.near) & (longest <= self.far)
        return fine, curve.reshape(len(keys), -1), kinds.reshape(len(keys), -1)


def spanning(keys: streams.Words, side: int) -> Mask:
    """Return uniform spanning trees of a square grid, (items, 2 side - 1, 2 side - 1): nodes and edges.

    Each node is joined to where a random walk first came to it from (Aldous 1990, Broder 1989).
    """
    place = np.arange(side**2).reshape(side, side)
    around = np.pad(place, 1, mode="edge")  # a step off the grid is a step on the spot
    beside = np.stack([around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]], -1)
    beside = beside.reshape(-1, 4)
    rows, columns = np.divmod(np.arange(side**2), side)
    tree = np.zeros((len(keys), 2 * side - 1, 2 * side - 1), np.bool_)
    seen = np.zeros((len(keys), side**2), np.bool_)
    here, left, taken = np.zeros(len(keys), np.int64), np.arange(len(keys)), 0
    seen[:, 0] = tree[:, 0, 0] = True
    while len(left):
        turns = streams.below(streams.words(keys[left], STRIDE, taken), 4)
        for turn in turns.T:
            there = beside[here, turn]
            new = ~seen[left, there]
            some, one, other = left[new], here[new], there[new]
            seen[some, other] = True
            tree[some, 2 * rows[other], 2 * columns[other]] = True
            tree[some, rows[one] + rows[other], columns[one] + columns[other]] = True
            here = there
        going = ~seen[left].all(1)
        left, here, taken = left[going], here[going], taken + STRIDE
    return tree


def turnable() -> Bytes:
    """Return what may come of a cell in each of the 256 rings: the bits of ALWAYS and AT_TIMES, by its side.

    It may change sides where either side of its ring is one run of cells that holds a neighbour: then both
    sides stay in one piece, and cells of a side never meet at a corner alone.
    """
    rings = np.arange(256)[:, None] >> np.arange(len(RING)) & 1
    beside = rings[:, 1::2].sum(1)
    runs = (rings != np.roll(rings, 1, 1)).sum(1)
    can = (runs == 2) & (beside > 0) & (beside < 4)
    shorter = np.stack([beside == 3, beside == 1], 1)  # of a cell outside, and of one inside
    bits = np.where(shorter, 1 << np.array(AT_TIMES), 1 << np.array(ALWAYS))
    table: Bytes = np.where(can, bits.sum(1), 0).astype(np.uint8)
    return table


def stirred(tree: Mask, keys: streams.Words) -> Mask:
    """Return cells inside, (items, side + 4, side + 4): trees whose cells changed sides at random, with two
    lines of cells outside all around.

    Each time a cell changes sides the curve between them stays one; a longer one is likelier (Metropolis).
    """
    table, likely = turnable(), np.exp(-2 * FOLDED)
    # items lie last in memory, as each step is the same for all
    cells = np.ascontiguousarray(np.pad(tree, ((0, 0), (2, 2), (2, 2))).transpose(1, 2, 0)).view(np.uint8)
    last = len(cells) - 2
    for sweep in range(SWEEPS):
        # no two cells of a quarter touch, so that each can change whatever the others do
        for row, column in ((2, 2), (2, 3), (3, 2), (3, 3)):
            some = cells[row:last:2, column:last:2]
            code = np.zeros(some.shape, np.uint8)
            for bit, (down, right) in enumerate(RING):
                rows, columns = row - 1 + down, column - 1 + right
                code |= cells[rows : last - 1 + down : 2, columns : last - 1 + right : 2] << bit
            lucky = streams.uniform(streams.key(keys, sweep, row, column), some[..., 0].size) < likely
            may = table[code] >> some
            some ^= (may >> ALWAYS[0] | may >> AT_TIMES[0] & lucky.T.reshape(some.shape)) & 1
    return np.ascontiguousarray(cells.transpose(2, 0, 1)).view(np.bool_)


def enclosed(cells: Mask, words: streams.Words) -> tuple[Mask, Mask]:
    """Return what is inside, and which items are fine, (items,); words: three each, (items, 3).

    It is the cells; or, every other time, all else up to a ring round them, with a way out of the cells
    through the ring. The two are the same curve but for that ring; fine are those with a place for the way.
    """
    count, lines, _ = cells.shape
    ring = np.zeros((lines, lines), np.bool_)
    ring[1:-1, 1:-1] = True
    inverted, turn = streams.below(words[:, 0], 2) == 1, streams.below(words[:, 1], 4)
    inside: Mask = cells ^ (inverted[:, None, None] & ring)
    beside = np.stack([cells[:, 2], cells[:, -3], cells[:, :, 2], cells[:, :, -3]], 1)[np.arange(count), turn]
    # the first cell inside from a place on, along the side that was drawn
    start = streams.below(words[:, 2], lines)[:, None]
    along = (start + np.arange(lines)) % lines
    there = along[np.arange(count), np.take_along_axis(beside, along, 1).argmax(1)]
    line = np.where(turn % 2, lines - 2, 1)
    row, column = np.where(turn < 2, line, there), np.where(turn < 2, there, line)
    inside[np.arange(count), row, column] = False
    return inside, np.asarray(beside.any(1))


def outlined(cells: Mask) -> Bytes:
    """Return pixels at twice the cells: OUTSIDE, INSIDE, and UNASKED on the curve between them."""
    count, side, _ = cells.shape
    fine = np.full((count, 2 * side - 1, 2 * side - 1), UNASKED, np.uint8)
    fine[:, ::2, ::2] = cells
    up, down, left, right = cells[:, :-1], cells[:, 1:], cells[:, :, :-1], cells[:, :, 1:]
    fine[:, 1::2, ::2] = np.where(up == down, up, UNASKED)
    fine[:, ::2, 1::2] = np.where(left == right, left, UNASKED)
    same = (up == down)[:, :, :-1] & (up == down)[:, :, 1:] & (left == right)[:, :-1]
    fine[:, 1::2, 1::2] = np.where(same, up[:, :, :-1], UNASKED)
    return fine


def placed(fine: Bytes, words: streams.Words, size: int) -> Bytes:
    """Return pictures somewhere on images of `size` pixels, outside all around; words: (items, 2)."""
    side = fine.shape[1]
    offset = streams.below(words, size - side + 1)[:, :, None]
    rows, columns = (np.clip(np.arange(size) - offset, 0, side - 1)).swapaxes(0, 1)
    pictures: Bytes = fine[np.arange(len(fine))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return pictures


def steps(free: Mask, middle: slice, most: int) -> NDArray[np.int16]:
    """Return how many steps along its corridor each open pixel of the middle is from where that ends,
    (items, side + 2, side + 2) with a rim around the middle; -1 on the curve and beyond `most` + 1."""
    wide = slice(middle.start - 1, middle.stop + 1)
    part = free[:, wide, wide]
    rim = np.ones(part.shape[1:], np.bool_)
    rim[1:-1, 1:-1] = False
    return flooded(part, part & rim, most)
