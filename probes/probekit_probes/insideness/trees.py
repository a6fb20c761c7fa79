"""Random trees of cells: a spanning tree whose cells then change sides until its grid no longer shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.sequences import Bytes

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
