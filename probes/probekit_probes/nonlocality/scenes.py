"""Scenes: from a split's indices to colour maps and levels, each a function of (seed, split, index) alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality.ranks import (
    EMPTY,
    HIGHEST,
    Bits,
    Owners,
    covers,
    levels,
    spans,
    true_relation,
)
from probekit_probes.nonlocality.samplers import Law, first_accepted

COLOURS = 10
CACHED = 512  # scenes painted together: beyond the cache painting takes five times as long
COUNTING, ARRANGING, MEASURING, COLOURING = range(4)


@dataclass(frozen=True, slots=True)
class Design:
    """All that a scene's law depends on besides its key.

    size: height and width in pixels. rectangles: the most a scene holds; one fewer and two fewer come in a
    tenth of scenes each, but never less than two. gap: the least distance of two lines of an axis, in pixels.
    colours: how many of the ten are used. reading: of the level, "down-set" or "chain". ambiguous: ends drawn
    freely, no filter, as in the starred baseline of Courtois et al. 2022, table 1.
    """

    size: tuple[int, int]
    rectangles: int
    gap: int
    colours: int = COLOURS
    reading: str = "down-set"
    ambiguous: bool = False
    law: Law = field(default_factory=Law)


def counts(design: Design, keys: streams.Words) -> NDArray[np.int64]:
    """Draw the number of rectangles of each scene, before anything is rejected."""
    tenth = streams.below(streams.words(streams.key(keys, COUNTING), 1)[:, 0], 10)
    numbers: NDArray[np.int64] = np.maximum(2, design.rectangles - np.array([2, 1, *[0] * 8])[tenth])
    return numbers


def lines(design: Design, keys: streams.Words, count: int, side: int) -> NDArray[np.int64]:
    """Draw the 2n lines of an axis in order, (keys, 2n): a uniform subset of {0..side}, `gap` apart.

    Where the law omits "lines", each is uniform on {0..side} and they may coincide.
    """
    if "lines" in design.law.omit:
        return np.sort(streams.below(streams.words(keys, 2 * count), side + 1), axis=1)
    stretch = design.gap - 1
    room = side + 1 - (2 * count - 1) * stretch
    chosen = np.argsort(streams.words(keys, room), axis=1)[:, : 2 * count]
    return np.sort(chosen, axis=1) + np.arange(2 * count) * stretch


def free_ends(keys: streams.Words, count: int, side: int) -> tuple[Owners, NDArray[np.int64]]:
    """Draw two unlike ends in {0..side} for each rectangle; return owners and lines in order, (keys, 2n)."""
    drawn = streams.words(keys, 2 * count).reshape(-1, count, 2)
    first = streams.below(drawn[..., 0], side + 1)
    second = (first + 1 + streams.below(drawn[..., 1], side)) % (side + 1)
    ends = np.stack([first, second], axis=2).reshape(-1, 2 * count)
    order = np.argsort(ends, axis=1, kind="stable")
    return order // 2, np.take_along_axis(ends, order, axis=1)


def free_overlapping(keys: streams.Words, count: int, side: int) -> tuple[Owners, NDArray[np.int64]]:
    """Return what `free_ends` does, of each key the first try in which every two rectangles overlap here."""
    owners = np.zeros((len(keys), 2 * count), np.int64)
    ends = np.zeros_like(owners)
    left, tried = np.arange(len(keys)), 0
    while len(left):
        some, where = free_ends(streams.key(keys[left], tried), count, side)
        begins = np.argsort(some, axis=1, kind="stable").reshape(-1, count, 2)
        first, last = (np.take_along_axis(where, begins[..., end], axis=1) for end in (0, 1))
        good = first.max(axis=1) < last.min(axis=1)
        owners[left[good]], ends[left[good]] = some[good], where[good]
        left, tried = left[~good], tried + 1
    return owners, ends


def paint(
    top: Bits, columns: NDArray[np.int64], rows: NDArray[np.int64], hues: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return colour maps (scenes, height, width), 0 the background.

    top: the topmost rectangle of each cell, (scenes, 2n + 1, 2n + 1). columns, rows: how many pixels each
    interval holds, (scenes, 2n + 1). hues: each rectangle's palette index, (scenes, n).
    """
    count = hues.shape[1]
    height, width = (int(axis[0].sum()) if len(axis) else 0 for axis in (rows, columns))
    names = np.zeros((len(top), (1 << count - 1) + 1), np.uint8)
    names[:, 1 << np.arange(count)] = hues
    cells = names[np.arange(len(top))[:, None, None], top]
    across = np.broadcast_to(columns[:, None, :], cells.shape)
    bands = np.repeat(cells.reshape(-1), across.reshape(-1)).reshape(-1, width)
    return np.repeat(bands, rows.reshape(-1), axis=0).reshape(-1, height, width)


def pixels(ends: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return how many pixels lie in each interval between the lines of an axis, (scenes, 2n + 1)."""
    return np.diff(ends, axis=1, prepend=0, append=side)


def draw(design: Design, keys: streams.Words) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return colour maps (scenes, height, width), 0 the background, and each colour's level (scenes, 11)."""
    colours = np.empty((len(keys), *design.size), np.uint8)
    depth = np.zeros((len(keys), COLOURS + 1), np.uint8)
    numbers = counts(design, keys)
    for count in np.unique(numbers):
        some = np.flatnonzero(numbers == count)
        colours[some], depth[some] = draw_alike(design, keys[some], int(count))
    return colours, depth


def draw_alike(
    design: Design, keys: streams.Words, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw scenes that all hold `count` rectangles; returns what `draw` does."""
    colours = np.empty((len(keys), *design.size), np.uint8)
    depth = np.empty((len(keys), COLOURS + 1), np.uint8)
    arranged = np.zeros((2, len(keys), 2 * count), np.int64)
    if not design.ambiguous:
        arranged[:] = first_accepted(design.law, streams.key(keys, ARRANGING), count)
    for start in range(0, len(keys), CACHED):
        some = slice(start, start + CACHED)
        colours[some], depth[some] = measure(design, keys[some], count, *arranged[:, some])
    return colours, depth


def measure(
    design: Design, keys: streams.Words, count: int, across: Owners, down: Owners
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give arrangements lines and colours; returns what `draw` does. Ambiguous scenes arrange themselves."""
    across_keys, down_keys = (streams.key(keys, MEASURING, axis) for axis in (0, 1))
    height, width = design.size
    if design.ambiguous:
        drawn = free_overlapping if design.law.overlapping else free_ends
        across, x = drawn(across_keys, count, width)
        down, y = drawn(down_keys, count, height)
    else:
        x, y = lines(design, across_keys, count, width), lines(design, down_keys, count, height)
    columns, rows = pixels(x, width), pixels(y, height)
    # An interval without a pixel is emptied: what lies there neither shows nor overlaps.
    wide, high = np.where(columns > 0, spans(across), EMPTY), np.where(rows > 0, spans(down), EMPTY)
    top = HIGHEST[covers(wide, high)]
    visible = np.bitwise_or.reduce(top, axis=(1, 2))
    level = levels(true_relation(wide, high, visible, count), visible, design.reading)
    order = np.argsort(streams.words(streams.key(keys, COLOURING), design.colours), axis=1)[:, :count]
    hues = (order + 1).astype(np.uint8)
    depth = np.zeros((len(keys), COLOURS + 1), np.uint8)
    np.put_along_axis(depth, hues.astype(np.int64), level, axis=1)
    return paint(top, columns, rows, hues), depth
