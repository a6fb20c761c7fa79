"""Random closed curves whose inside and outside are winding corridors that look alike from near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.grids import draw_until_valid, flood_distances
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

OPEN, CURVE = range(2)
OUTSIDE, INSIDE = range(2)
WALK, FLIP, GAP, PLACE = range(4)
BORDER = 7
"""Pixels from an edge of the image in which the two curves around one tree may differ."""
STRIDE = 64
"""Steps of all walks between two removals of the finished ones."""
SWEEPS = 32
"""How often each cell may change sides: after 16, nothing shows where the tree had its nodes."""
LENGTH_GAIN = 1.0
"""Log-probability gained by a curve that is one cell side longer; at 0 corridors grow wide."""
ALWAYS, BY_CHANCE = (0, 1), (2, 3)
"""Bits of a cell outside and of one inside: it changes sides always; by chance, as the curve gets shorter."""
RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""The cells around a cell, in turn: rows and columns of a square of three."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of images.

    Attributes:
        size: pixels per side, a multiple of 4.
        reach: pixels between the border and the middle, where answers count.
        min_steps: least length of the longest of all shortest paths out of the middle.
        max_steps: greatest length of it.
    """

    size: int
    reach: int
    min_steps: int
    max_steps: int

    @property
    def nodes(self) -> int:
        """Number of tree nodes per side."""
        return self.size // 4 - 2

    @property
    def middle(self) -> slice:
        """Rows, or columns, from which no window of this reach sees how the two curves of a tree differ."""
        return slice(BORDER + self.reach, self.size - BORDER - self.reach)

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are open pixels and curve pixels; the classes are outside and inside."""
        return Alphabet(2, 2, (self.size, self.size))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw pixels and answers, (items, size * size) uint8 each, one item per key.

        Raises:
            UsageError: if images of this size have no such curves.
        """
        many = self.min_steps > self.max_steps
        steps = f"{self.min_steps} or more" if many else f"{self.min_steps} to {self.max_steps}"
        request = f"curves on {self.size} x {self.size} pixels with paths of {steps} steps out of the middle"
        return draw_until_valid(keys, self.draw_curves, request, "Type a lower near=, or a higher size=.")

    def draw_curves(self, keys: streams.Words) -> tuple[Mask, Bytes, Bytes]:
        """Draw one image per key, without rejection: which are valid, their pixels and their answers."""
        cells = flip_cells(
            draw_spanning_trees(streams.derive_keys(keys, WALK), self.nodes), streams.derive_keys(keys, FLIP)
        )
        inside, has_gap = choose_inside(cells, streams.draw_words(streams.derive_keys(keys, GAP), 3))
        kinds = place_pictures(
            outline_cells(inside), streams.draw_words(streams.derive_keys(keys, PLACE), 2), self.size
        )
        longest = count_exit_steps(kinds != NO_ANSWER, self.middle, self.max_steps).max((1, 2))
        curve = np.where(kinds == NO_ANSWER, CURVE, OPEN).astype(np.uint8)
        valid = has_gap & (longest >= self.min_steps) & (longest <= self.max_steps)
        return valid, curve.reshape(len(keys), -1), kinds.reshape(len(keys), -1)


def draw_spanning_trees(keys: streams.Words, side: int) -> Mask:
    """Draw uniform spanning trees of a square grid.

    A random walk visits the nodes; each is joined to the node from which the walk first reached it (Aldous
    1990, Broder 1989).

    Args:
        keys: one per tree, (items,).
        side: number of nodes per side.

    Returns:
        Nodes and edges, (items, 2 side - 1, 2 side - 1).
    """
    padded = np.pad(np.arange(side**2).reshape(side, side), 1, mode="edge")  # a step off the grid stays put
    neighbours = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]], -1)
    neighbours = neighbours.reshape(-1, 4)
    rows, columns = np.divmod(np.arange(side**2), side)
    tree = np.zeros((len(keys), 2 * side - 1, 2 * side - 1), np.bool_)
    visited = np.zeros((len(keys), side**2), np.bool_)
    node, active, steps = np.zeros(len(keys), np.int64), np.arange(len(keys)), 0
    visited[:, 0] = tree[:, 0, 0] = True
    while len(active):
        directions = streams.to_integers(streams.draw_words(keys[active], STRIDE, steps), 4)
        for direction in directions.T:
            next_node = neighbours[node, direction]
            is_new = ~visited[active, next_node]
            item, source, target = active[is_new], node[is_new], next_node[is_new]
            visited[item, target] = True
            tree[item, 2 * rows[target], 2 * columns[target]] = True
            tree[item, rows[source] + rows[target], columns[source] + columns[target]] = True
            node = next_node
        unfinished = ~visited[active].all(1)
        active, node, steps = active[unfinished], node[unfinished], steps + STRIDE
    return tree


def make_flip_table() -> Bytes:
    """Return, for each of the 256 rings around a cell, when it may change sides: bits ALWAYS and BY_CHANCE.

    A cell may change sides if either side of its ring is one run of cells that holds a direct neighbour. Both
    sides then stay in one piece, and cells of one side never meet at a corner alone.
    """
    rings = np.arange(256)[:, None] >> np.arange(len(RING)) & 1
    neighbours = rings[:, 1::2].sum(1)
    runs = (rings != np.roll(rings, 1, 1)).sum(1)
    can_flip = (runs == 2) & (neighbours > 0) & (neighbours < 4)
    shortens = np.stack([neighbours == 3, neighbours == 1], 1)  # for a cell outside, and for one inside
    bits = np.where(shortens, 1 << np.array(BY_CHANCE), 1 << np.array(ALWAYS))
    table: Bytes = np.where(can_flip, bits.sum(1), 0).astype(np.uint8)
    return table


def flip_cells(tree: Mask, keys: streams.Words) -> Mask:
    """Let the cells of trees change sides at random, with two lines of outside cells all around.

    After each change the curve between the sides is still one curve; a longer one is likelier (Metropolis).

    Args:
        tree: cells inside, (items, side, side).
        keys: one per tree, (items,).

    Returns:
        Cells inside, (items, side + 4, side + 4).
    """
    table, shortening_chance = make_flip_table(), np.exp(-2 * LENGTH_GAIN)
    # items lie last in memory, because each step is the same for all
    cells = np.ascontiguousarray(np.pad(tree, ((0, 0), (2, 2), (2, 2))).transpose(1, 2, 0)).view(np.uint8)
    last = len(cells) - 2
    for sweep in range(SWEEPS):
        # no two cells of a quarter touch, so each can change independently
        for row, column in ((2, 2), (2, 3), (3, 2), (3, 3)):
            quarter = cells[row:last:2, column:last:2]
            ring = np.zeros(quarter.shape, np.uint8)
            for bit, (down, right) in enumerate(RING):
                rows, columns = row - 1 + down, column - 1 + right
                ring |= cells[rows : last - 1 + down : 2, columns : last - 1 + right : 2] << bit
            draws = streams.draw_uniform(streams.derive_keys(keys, sweep, row, column), quarter[..., 0].size)
            accepts = draws < shortening_chance
            flips = table[ring] >> quarter
            quarter ^= (flips >> ALWAYS[0] | flips >> BY_CHANCE[0] & accepts.T.reshape(quarter.shape)) & 1
    return np.ascontiguousarray(cells.transpose(2, 0, 1)).view(np.bool_)


def choose_inside(cells: Mask, words: streams.Words) -> tuple[Mask, Mask]:
    """Choose what is inside: the cells, or, in every other item, all else up to a ring around them.

    In the second case a gap in the ring leads out of the cells. The two curves differ only at the ring.

    Args:
        cells: (items, lines, lines).
        words: three per item, (items, 3).

    Returns:
        What is inside, (items, lines, lines), and which items have room for the gap, (items,).
    """
    count, lines, _ = cells.shape
    ring = np.zeros((lines, lines), np.bool_)
    ring[1:-1, 1:-1] = True
    is_inverted, side = streams.to_integers(words[:, 0], 2) == 1, streams.to_integers(words[:, 1], 4)
    inside: Mask = cells ^ (is_inverted[:, None, None] & ring)
    items = np.arange(count)
    border = np.stack([cells[:, 2], cells[:, -3], cells[:, :, 2], cells[:, :, -3]], 1)[items, side]
    # the first cell inside, from a random start, along the random side
    start = streams.to_integers(words[:, 2], lines)[:, None]
    order = (start + np.arange(lines)) % lines
    gap = order[items, np.take_along_axis(border, order, 1).argmax(1)]
    line = np.where(side % 2, lines - 2, 1)
    row, column = np.where(side < 2, line, gap), np.where(side < 2, gap, line)
    inside[items, row, column] = False
    return inside, np.asarray(border.any(1))


def outline_cells(cells: Mask) -> Bytes:
    """Draw cells at twice their size: OUTSIDE, INSIDE, and UNASKED on the curve between them."""
    count, side, _ = cells.shape
    fine = np.full((count, 2 * side - 1, 2 * side - 1), NO_ANSWER, np.uint8)
    fine[:, ::2, ::2] = cells
    up, down, left, right = cells[:, :-1], cells[:, 1:], cells[:, :, :-1], cells[:, :, 1:]
    fine[:, 1::2, ::2] = np.where(up == down, up, NO_ANSWER)
    fine[:, ::2, 1::2] = np.where(left == right, left, NO_ANSWER)
    same = (up == down)[:, :, :-1] & (up == down)[:, :, 1:] & (left == right)[:, :-1]
    fine[:, 1::2, 1::2] = np.where(same, up[:, :, :-1], NO_ANSWER)
    return fine


def place_pictures(fine: Bytes, words: streams.Words, size: int) -> Bytes:
    """Place pictures at random positions on images of `size` pixels, outside all around.

    Args:
        fine: pictures, (items, side, side).
        words: two per item, (items, 2).
        size: pixels per side of the image.
    """
    side = fine.shape[1]
    offset = streams.to_integers(words, size - side + 1)[:, :, None]
    rows, columns = (np.clip(np.arange(size) - offset, 0, side - 1)).swapaxes(0, 1)
    pictures: Bytes = fine[np.arange(len(fine))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return pictures


def count_exit_steps(free: Mask, middle: slice, limit: int) -> NDArray[np.int16]:
    """Count the steps along its corridor from each open pixel of the middle to the end of the middle.

    Args:
        free: open pixels, (items, size, size).
        middle: rows, and columns, of the middle.
        limit: the search stops after `limit` + 1 steps.

    Returns:
        Steps, (items, side + 2, side + 2) with a rim around the middle; -1 on the curve and if not reached.
    """
    wide = slice(middle.start - 1, middle.stop + 1)
    part = free[:, wide, wide]
    rim = np.ones(part.shape[1:], np.bool_)
    rim[1:-1, 1:-1] = False
    return flood_distances(part, part & rim, limit)
