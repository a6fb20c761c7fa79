"""The sequential sampler builds a scene front to back: each next rectangle goes beneath all that are placed.

It is redrawn until its own sides show and its overlaps are ordered; what is placed never changes. The law is the product
over the rectangles of "uniform on what is admissible given those above". 200 failures give the try up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality.ranks import EMPTY, HIGHEST, MOST, Bits, Owners

FAILURES = 200
CHUNK = 16_384
FIELD, FIELDS = 12, 5
MASK = np.uint64((1 << FIELD) - 1)


def spread(labels: range) -> NDArray[np.uint64]:
    """Return a table from a set of rectangles to a word with a field of 12 bits for each of five labels."""
    sets = np.arange(1 << MOST, dtype=np.uint64)
    return np.bitwise_or.reduce([((sets >> c) & 1) << FIELD * i for i, c in enumerate(labels)], axis=0)


SPREAD = np.stack([spread(range(FIELDS)), spread(range(FIELDS, 2 * FIELDS))], axis=1)


def build(keys: streams.Words, count: int, omit: frozenset[str]) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one scene for each key: whether it could be finished, and its owners across and down, (keys, 2n)."""
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
        box, over = place(streams.key(keys[alive], placed), cover, above, extents(x, y), omit)
        done = box[:, 0] >= 0
        finished[alive[~done]] = False
        alive, x, y, cover, above, box, over = (a[done] for a in (alive, x, y, cover, above, box, over))
        above[:, label] = over
        x, columns, wide = insert(x, box[:, :2], label)
        y, rows, high = insert(y, box[:, 2:], label)
        inside = high[:, :, None] & wide[:, None, :]
        scene = np.arange(len(alive))[:, None, None]
        cover = cover[scene, rows[:, :, None], columns[:, None, :]] | np.where(
            inside, np.uint16(1 << label), EMPTY
        )
    across[alive], down[alive] = x, y
    return finished, across, down


def place(
    keys: streams.Words, cover: Bits, above: Bits, spots: NDArray[np.int64], omit: frozenset[str]
) -> tuple[NDArray[np.int64], Bits]:
    """Draw the next rectangle of each scene, beneath all others.

    cover: (scenes, G, G); above: the closure over those placed, (scenes, n); spots: their extents. Returns the intervals in which its sides lie (left,
    right, top, bottom), (scenes, 4), -1 where 200 tries failed, and the set above it in the closure, (scenes,).
    """
    scenes, grid = cover.shape[:2]
    bare = cover == 0
    bare_across = running(bare, axis=2)
    bare_down = running(bare, axis=1)
    seen = running(running(SPREAD[HIGHEST[cover]], axis=1), axis=2)
    pairs = np.stack(np.triu_indices(grid), axis=1)
    box = np.full((scenes, 4), -1)
    over: Bits = np.zeros(scenes, np.uint16)
    left = np.arange(scenes)
    tried = 0
    while len(left) and tried < FAILURES:
        ahead = min(FAILURES - tried, max(8, CHUNK // len(left)))
        drawn = streams.below(streams.words(keys[left], 2 * ahead, 2 * tried), len(pairs))
        row = np.repeat(np.arange(len(left)), ahead)
        x, y = (pairs[drawn[:, i::2].reshape(-1)] for i in (0, 1))
        here = left[row]
        if "sides" not in omit:
            shows = np.ones(len(here), np.bool_)
            for side in (0, 1):
                shows &= bare_down[here, y[:, 1] + 1, x[:, side]] > bare_down[here, y[:, 0], x[:, side]]
                shows &= bare_across[here, y[:, side], x[:, 1] + 1] > bare_across[here, y[:, side], x[:, 0]]
            here, row, x, y = here[shows], row[shows], x[shows], y[shows]
        evidence = members(
            seen[here, y[:, 1] + 1, x[:, 1] + 1]
            - seen[here, y[:, 0], x[:, 1] + 1]
            - seen[here, y[:, 1] + 1, x[:, 0]]
            + seen[here, y[:, 0], x[:, 0]]
        )
        reach = evidence.copy()
        for d in range(above.shape[1]):
            reach |= np.where((evidence >> d) & 1 == 1, above[here, d], EMPTY)
        if "overlaps" not in omit:
            ordered = overlapped(spots[here], x, y, above.shape[1] - spots.shape[1]) & ~reach == 0
            here, row, x, y, reach = here[ordered], row[ordered], x[ordered], y[ordered], reach[ordered]
        first = np.unique(row, return_index=True)[1]
        box[here[first]] = np.concatenate([x[first], y[first]], axis=1)
        over[here[first]] = reach[first]
        left = left[box[left, 0] < 0]
        tried += ahead
    return box, over


def running(values: NDArray[np.generic], axis: int) -> NDArray[np.uint64]:
    """Return the sums of all that lie before each line of an axis, one longer along it."""
    shape = list(values.shape)
    shape[axis] += 1
    sums = np.zeros(shape, np.uint64 if values.dtype == np.uint64 else np.uint16)
    np.cumsum(values, axis=axis, out=sums[(slice(None),) * axis + (slice(1, None),)])
    return sums


def members(counts: NDArray[np.uint64]) -> Bits:
    """Return the sets whose counts are in the fields of two words, (tries, 2) -> (tries,)."""
    sets: Bits = np.zeros(len(counts), np.uint16)
    for label in range(MOST):
        held = (counts[:, label // FIELDS] >> np.uint64(FIELD * (label % FIELDS))) & MASK
        sets |= (held > 0).astype(np.uint16) << label
    return sets


def extents(across: Owners, down: Owners) -> NDArray[np.int64]:
    """Return the first and last interval of each placed rectangle across and down, by label, (scenes, placed, 4)."""
    ends = [
        np.argsort(owners, axis=1, kind="stable").reshape(len(owners), owners.shape[1] // 2, 2) + [1, 0]
        for owners in (across, down)
    ]
    return np.concatenate(ends, axis=2)


def overlapped(spots: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], lowest: int) -> Bits:
    """Return who shares a cell with each new rectangle, (tries,); `lowest` is the lowest label placed."""
    meets = (spots[:, :, 0] <= x[:, 1:]) & (spots[:, :, 1] >= x[:, :1])
    meets &= (spots[:, :, 2] <= y[:, 1:]) & (spots[:, :, 3] >= y[:, :1])
    return (meets * (1 << lowest + np.arange(spots.shape[1]))).sum(axis=1).astype(np.uint16)


def insert(
    owners: Owners, sides: NDArray[np.int64], label: int
) -> tuple[Owners, NDArray[np.int64], NDArray[np.bool_]]:
    """Put two new lines into an axis, in the intervals `sides` (scenes, 2).

    Returns the new owners, the old interval in which each new one lies, and which new ones the rectangle spans.
    """
    first, second = sides[:, :1], sides[:, 1:] + 1
    line = np.arange(owners.shape[1] + 2)
    old = line - (line > first) - (line > second)
    padded = np.concatenate([owners, np.zeros_like(first)], axis=1)
    new = np.where((line == first) | (line == second), label, np.take_along_axis(padded, old, axis=1))
    gap = np.arange(owners.shape[1] + 3)
    return new, gap - (gap > first) - (gap > second), (gap > first) & (gap <= second)
