"""The sequential sampler builds a scene front to back: each next rectangle goes beneath all that are placed.

It is redrawn until its own sides show and its overlaps are ordered; what is placed never changes. The law is
the product over the rectangles of "uniform on what is admissible given those above". 200 failures give the
try up.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality.ranks import EMPTY, HIGHEST, MOST, Bits, Owners

Count = TypeVar("Count", np.uint8, np.uint64)
FAILURES = 200
CHUNK = 16_384
FIELD, FIELDS = 12, 5
MASK = np.uint64((1 << FIELD) - 1)


def spread(labels: range) -> NDArray[np.uint64]:
    """Return a table from a set of rectangles to a word with a field of 12 bits for each of five labels."""
    table = np.zeros(1 << MOST, np.uint64)
    sets = np.arange(1 << MOST, dtype=np.uint64)
    for place, label in enumerate(labels):
        table |= ((sets >> np.uint64(label)) & np.uint64(1)) << np.uint64(FIELD * place)
    return table


SPREAD = np.stack([spread(range(FIELDS)), spread(range(FIELDS, 2 * FIELDS))])


def build(keys: streams.Words, count: int, omit: frozenset[str]) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one scene for each key: whether it could be finished, and its owners across and down, (keys, 2n).

    omit: rules left out, "sides" or "overlaps"; only to show that each is needed.
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
        box, over = place(streams.key(keys[alive], placed), cover, above, extents(x, y), omit)
        done = box[:, 0] >= 0
        finished[alive[~done]] = False
        if not done.all():
            alive, x, y, box = alive[done], x[done], y[done], box[done]
            cover, above, over = cover[done], above[done], over[done]
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

    cover: (scenes, G, G); above: the closure over those placed, (scenes, n); spots: their extents. Returns
    the intervals in which its sides lie (left, right, top, bottom), (scenes, 4), -1 where 200 tries failed,
    and the set above it in the closure, (scenes,).
    """
    scenes, grid = cover.shape[:2]
    cells = cover.transpose(1, 2, 0).copy()  # scenes last: sums along the other axes run over whole rows
    bare = (cells == 0).astype(np.uint8)
    bare_across = running(bare, axis=1)
    bare_down = running(bare, axis=0)
    seen = running(running(SPREAD[:, HIGHEST[cells]], axis=1), axis=2)
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
                shows &= bare_down[y[:, 1] + 1, x[:, side], here] > bare_down[y[:, 0], x[:, side], here]
                shows &= bare_across[y[:, side], x[:, 1] + 1, here] > bare_across[y[:, side], x[:, 0], here]
            here, row, x, y = here[shows], row[shows], x[shows], y[shows]
        evidence = members(
            seen[:, y[:, 1] + 1, x[:, 1] + 1, here]
            - seen[:, y[:, 0], x[:, 1] + 1, here]
            - seen[:, y[:, 1] + 1, x[:, 0], here]
            + seen[:, y[:, 0], x[:, 0], here]
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


def running(values: NDArray[Count], axis: int) -> NDArray[Count]:
    """Return the sums of all that lie before each line of an axis, one longer along it."""
    shape = list(values.shape)
    shape[axis] += 1
    sums = np.zeros(shape, values.dtype)
    parts, totals = np.moveaxis(values, axis, 0), np.moveaxis(sums, axis, 0)
    for line in range(len(parts)):  # np.cumsum is four times slower along any axis but the last
        np.add(totals[line], parts[line], out=totals[line + 1])
    return sums


def members(counts: NDArray[np.uint64]) -> Bits:
    """Return the sets whose counts are in the fields of two words, (2, tries) -> (tries,)."""
    sets: Bits = np.zeros(counts.shape[1], np.uint16)
    for label in range(MOST):
        held = (counts[label // FIELDS] >> np.uint64(FIELD * (label % FIELDS))) & MASK
        sets |= (held > 0).astype(np.uint16) << label
    return sets


def extents(across: Owners, down: Owners) -> NDArray[np.int64]:
    """Return the first and last interval of each placed rectangle, across, then down, (scenes, placed, 4)."""
    ends = [np.argsort(owners, axis=1, kind="stable") for owners in (across, down)]
    pairs = [ranks.reshape(len(ranks), ranks.shape[1] // 2, 2) + np.array([1, 0]) for ranks in ends]
    return np.concatenate(pairs, axis=2)


def overlapped(spots: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], lowest: int) -> Bits:
    """Return who shares a cell with each new rectangle, (tries,); `lowest` is the lowest label placed."""
    meets = (spots[:, :, 0] <= x[:, 1:]) & (spots[:, :, 1] >= x[:, :1])
    meets &= (spots[:, :, 2] <= y[:, 1:]) & (spots[:, :, 3] >= y[:, :1])
    shared: Bits = (meets * (1 << lowest + np.arange(spots.shape[1]))).sum(axis=1).astype(np.uint16)
    return shared


def insert(
    owners: Owners, sides: NDArray[np.int64], label: int
) -> tuple[Owners, NDArray[np.int64], NDArray[np.bool_]]:
    """Put two new lines into an axis, in the intervals `sides` (scenes, 2).

    Returns the new owners, the old interval in which each new one lies, and whether the rectangle spans it.
    """
    first, second = sides[:, :1], sides[:, 1:] + 1
    line = np.arange(owners.shape[1] + 2)
    old = line - (line > first) - (line > second)
    padded = np.concatenate([owners, np.zeros_like(first)], axis=1)
    new = np.where((line == first) | (line == second), label, np.take_along_axis(padded, old, axis=1))
    gap = np.arange(owners.shape[1] + 3)
    return new, gap - (gap > first) - (gap > second), (gap > first) & (gap <= second)
