"""The sequential sampler: it builds a scene front to back, each next rectangle beneath all placed ones.

A rectangle is redrawn until its sides show and its overlaps are ordered; placed rectangles never change. The
distribution is the product over rectangles of "uniform on all admissible ones, given those above". After 200
failures the try is abandoned.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality.ranks import EMPTY, HIGHEST, MAX_RECTANGLES, Bits, Owners

Count = TypeVar("Count", np.uint8, np.uint64)
FAILURES = 200
CHUNK = 16_384
FIELD, FIELDS = 12, 5
MASK = np.uint64((1 << FIELD) - 1)


def make_field_table(labels: range) -> NDArray[np.uint64]:
    """Return a table from a set of rectangles to a word with one 12-bit field for each of five labels."""
    table = np.zeros(1 << MAX_RECTANGLES, np.uint64)
    sets = np.arange(1 << MAX_RECTANGLES, dtype=np.uint64)
    for index, label in enumerate(labels):
        table |= ((sets >> np.uint64(label)) & np.uint64(1)) << np.uint64(FIELD * index)
    return table


SPREAD = np.stack([make_field_table(range(FIELDS)), make_field_table(range(FIELDS, 2 * FIELDS))])


def build_scenes(
    keys: streams.Words, count: int, omit: frozenset[str]
) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one scene per key.

    Args:
        keys: one per scene, (keys,).
        count: number of rectangles, n.
        omit: rules to leave out, "sides" or "overlaps"; only to show that each is needed.

    Returns:
        Whether the scene could be finished, and its owners across and down, (keys, 2n) each.
    """
    across = np.zeros((len(keys), 2 * count), np.int64)
    down = np.zeros_like(across)
    finished = np.ones(len(keys), np.bool_)
    alive = np.arange(len(keys))
    x = np.zeros((len(keys), 0), np.int64)
    y = np.zeros((len(keys), 0), np.int64)
    cover: Bits = np.zeros((len(keys), 1, 1), np.uint16)
    above: Bits = np.zeros((len(keys), count), np.uint16)
    for placed in range(count):
        label = count - 1 - placed
        placed_keys = streams.derive_keys(keys[alive], placed)
        box, over = place_rectangles(placed_keys, cover, above, find_extents(x, y), omit)
        is_placed = box[:, 0] >= 0
        finished[alive[~is_placed]] = False
        if not is_placed.all():
            alive, x, y, box = alive[is_placed], x[is_placed], y[is_placed], box[is_placed]
            cover, above, over = cover[is_placed], above[is_placed], over[is_placed]
        above[:, label] = over
        x, columns, wide = insert_lines(x, box[:, :2], label)
        y, rows, high = insert_lines(y, box[:, 2:], label)
        inside = high[:, :, None] & wide[:, None, :]
        scene = np.arange(len(alive))[:, None, None]
        cover = cover[scene, rows[:, :, None], columns[:, None, :]] | np.where(
            inside, np.uint16(1 << label), EMPTY
        )
    across[alive], down[alive] = x, y
    return finished, across, down


def place_rectangles(
    keys: streams.Words, cover: Bits, above: Bits, extents: NDArray[np.int64], omit: frozenset[str]
) -> tuple[NDArray[np.int64], Bits]:
    """Draw the next rectangle of each scene, beneath all others.

    Args:
        keys: one per scene, (scenes,).
        cover: the rectangles that cover each cell, (scenes, G, G).
        above: the closure over the placed rectangles, (scenes, n).
        extents: the extents of the placed rectangles, (scenes, placed, 4).
        omit: rules to leave out.

    Returns:
        The intervals of its sides (left, right, top, bottom), (scenes, 4), -1 after 200 failures, and the set
        above it in the closure, (scenes,).
    """
    scenes, grid = cover.shape[:2]
    cells = cover.transpose(1, 2, 0).copy()  # scenes last: sums along the other axes run over whole rows
    bare = (cells == 0).astype(np.uint8)
    bare_across = sum_before(bare, axis=1)
    bare_down = sum_before(bare, axis=0)
    top_counts = sum_before(sum_before(SPREAD[:, HIGHEST[cells]], axis=1), axis=2)
    pairs = np.stack(np.triu_indices(grid), axis=1)
    box = np.full((scenes, 4), -1)
    over: Bits = np.zeros(scenes, np.uint16)
    pending = np.arange(scenes)
    tried = 0
    while len(pending) and tried < FAILURES:
        ahead = min(FAILURES - tried, max(8, CHUNK // len(pending)))
        drawn = streams.to_integers(streams.draw_words(keys[pending], 2 * ahead, 2 * tried), len(pairs))
        row = np.repeat(np.arange(len(pending)), ahead)
        x, y = (pairs[drawn[:, i::2].reshape(-1)] for i in (0, 1))
        scene = pending[row]
        if "sides" not in omit:
            shows = np.ones(len(scene), np.bool_)
            for side in (0, 1):
                shows &= bare_down[y[:, 1] + 1, x[:, side], scene] > bare_down[y[:, 0], x[:, side], scene]
                shows &= bare_across[y[:, side], x[:, 1] + 1, scene] > bare_across[y[:, side], x[:, 0], scene]
            scene, row, x, y = scene[shows], row[shows], x[shows], y[shows]
        evidence = decode_members(
            top_counts[:, y[:, 1] + 1, x[:, 1] + 1, scene]
            - top_counts[:, y[:, 0], x[:, 1] + 1, scene]
            - top_counts[:, y[:, 1] + 1, x[:, 0], scene]
            + top_counts[:, y[:, 0], x[:, 0], scene]
        )
        closure = evidence.copy()
        for d in range(above.shape[1]):
            closure |= np.where((evidence >> d) & 1 == 1, above[scene, d], EMPTY)
        if "overlaps" not in omit:
            overlaps = overlap_sets(extents[scene], x, y, above.shape[1] - extents.shape[1])
            ordered = overlaps & ~closure == 0
            scene, row, x, y, closure = scene[ordered], row[ordered], x[ordered], y[ordered], closure[ordered]
        first = np.unique(row, return_index=True)[1]
        box[scene[first]] = np.concatenate([x[first], y[first]], axis=1)
        over[scene[first]] = closure[first]
        pending = pending[box[pending, 0] < 0]
        tried += ahead
    return box, over


def sum_before(values: NDArray[Count], axis: int) -> NDArray[Count]:
    """Return the sum of all values before each line of an axis, one longer along it."""
    shape = list(values.shape)
    shape[axis] += 1
    sums = np.zeros(shape, values.dtype)
    terms, totals = np.moveaxis(values, axis, 0), np.moveaxis(sums, axis, 0)
    for line in range(len(terms)):  # np.cumsum is four times slower along any axis but the last
        np.add(totals[line], terms[line], out=totals[line + 1])
    return sums


def decode_members(counts: NDArray[np.uint64]) -> Bits:
    """Return the sets whose counts are in the fields of two words, (2, tries) -> (tries,)."""
    sets: Bits = np.zeros(counts.shape[1], np.uint16)
    for label in range(MAX_RECTANGLES):
        count = (counts[label // FIELDS] >> np.uint64(FIELD * (label % FIELDS))) & MASK
        sets |= (count > 0).astype(np.uint16) << label
    return sets


def find_extents(across: Owners, down: Owners) -> NDArray[np.int64]:
    """Return the first and last interval of each placed rectangle, across, then down, (scenes, placed, 4)."""
    ranks = [np.argsort(owners, axis=1, kind="stable") for owners in (across, down)]
    pairs = [axis.reshape(len(axis), axis.shape[1] // 2, 2) + np.array([1, 0]) for axis in ranks]
    return np.concatenate(pairs, axis=2)


def overlap_sets(extents: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], lowest: int) -> Bits:
    """Return the set of placed rectangles that overlap each new one, (tries,).

    Args:
        extents: intervals of the placed rectangles, (tries, placed, 4).
        x: first and last interval of the new rectangle, across, (tries, 2).
        y: the same down.
        lowest: lowest label of a placed rectangle.
    """
    meets = (extents[:, :, 0] <= x[:, 1:]) & (extents[:, :, 1] >= x[:, :1])
    meets &= (extents[:, :, 2] <= y[:, 1:]) & (extents[:, :, 3] >= y[:, :1])
    sets: Bits = (meets * (1 << lowest + np.arange(extents.shape[1]))).sum(axis=1).astype(np.uint16)
    return sets


def insert_lines(
    owners: Owners, sides: NDArray[np.int64], label: int
) -> tuple[Owners, NDArray[np.int64], NDArray[np.bool_]]:
    """Insert two new lines into an axis, in the intervals `sides` (scenes, 2).

    Returns:
        The new owners, the old interval of each new interval, and whether the rectangle spans it.
    """
    first, second = sides[:, :1], sides[:, 1:] + 1
    line = np.arange(owners.shape[1] + 2)
    old = line - (line > first) - (line > second)
    padded = np.concatenate([owners, np.zeros_like(first)], axis=1)
    new = np.where((line == first) | (line == second), label, np.take_along_axis(padded, old, axis=1))
    gap = np.arange(owners.shape[1] + 3)
    return new, gap - (gap > first) - (gap > second), (gap > first) & (gap <= second)
