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
    compute_cover,
    compute_levels,
    compute_spans,
    true_relation,
)
from probekit_probes.nonlocality.samplers import Law, draw_accepted

COLOURS = 10
CACHED = 512  # scenes painted together: beyond the cache, painting takes five times as long
COUNTING, ARRANGING, MEASURING, COLOURING = range(4)


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of scenes.

    Attributes:
        size: height and width in pixels.
        rectangles: greatest number of rectangles in a scene. A tenth of the scenes has one fewer and a tenth
            has two fewer, but never less than two.
        gap: least distance of two lines of an axis, in pixels.
        colours: how many of the ten colours are used.
        reading: definition of a level, "down-set" or "chain".
        ambiguous: draw the ends freely, without filter, as in the starred baseline of Courtois et al. 2022,
            table 1.
        law: distribution of the arrangements.
    """

    size: tuple[int, int]
    rectangles: int
    gap: int
    colours: int = COLOURS
    reading: str = "down-set"
    ambiguous: bool = False
    law: Law = field(default_factory=Law)


def draw_counts(design: Design, keys: streams.Words) -> NDArray[np.int64]:
    """Draw the number of rectangles of each scene, before anything is rejected."""
    tenth = streams.to_integers(streams.draw_words(streams.derive_keys(keys, COUNTING), 1)[:, 0], 10)
    numbers: NDArray[np.int64] = np.maximum(2, design.rectangles - np.array([2, 1, *[0] * 8])[tenth])
    return numbers


def draw_lines(design: Design, keys: streams.Words, count: int, side: int) -> NDArray[np.int64]:
    """Draw the 2n lines of an axis in order, (keys, 2n): a uniform subset of {0..side}, `gap` apart.

    If the law omits "lines", each line is uniform on {0..side} and lines may coincide.
    """
    if "lines" in design.law.omit:
        return np.sort(streams.to_integers(streams.draw_words(keys, 2 * count), side + 1), axis=1)
    stretch = design.gap - 1
    room = side + 1 - (2 * count - 1) * stretch
    subset = np.argsort(streams.draw_words(keys, room), axis=1)[:, : 2 * count]
    return np.sort(subset, axis=1) + np.arange(2 * count) * stretch


def draw_free_ends(keys: streams.Words, count: int, side: int) -> tuple[Owners, NDArray[np.int64]]:
    """Draw two different ends in {0..side} for each rectangle.

    Returns:
        Owners, and lines in order, (keys, 2n) each.
    """
    drawn = streams.draw_words(keys, 2 * count).reshape(-1, count, 2)
    first = streams.to_integers(drawn[..., 0], side + 1)
    second = (first + 1 + streams.to_integers(drawn[..., 1], side)) % (side + 1)
    ends = np.stack([first, second], axis=2).reshape(-1, 2 * count)
    order = np.argsort(ends, axis=1, kind="stable")
    return order // 2, np.take_along_axis(ends, order, axis=1)


def draw_overlapping_ends(keys: streams.Words, count: int, side: int) -> tuple[Owners, NDArray[np.int64]]:
    """Draw ends as `free_ends` does, until every two rectangles overlap on this axis."""
    owners = np.zeros((len(keys), 2 * count), np.int64)
    ends = np.zeros_like(owners)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        new_owners, new_ends = draw_free_ends(streams.derive_keys(keys[pending], tried), count, side)
        ranks = np.argsort(new_owners, axis=1, kind="stable").reshape(-1, count, 2)
        first, last = (np.take_along_axis(new_ends, ranks[..., end], axis=1) for end in (0, 1))
        overlap = first.max(axis=1) < last.min(axis=1)
        owners[pending[overlap]], ends[pending[overlap]] = new_owners[overlap], new_ends[overlap]
        pending, tried = pending[~overlap], tried + 1
    return owners, ends


def paint_scenes(
    top: Bits, columns: NDArray[np.int64], rows: NDArray[np.int64], hues: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Paint the topmost rectangle of each cell.

    Args:
        top: the topmost rectangle of each cell, (scenes, 2n + 1, 2n + 1).
        columns: number of pixels in each interval of the horizontal axis, (scenes, 2n + 1).
        rows: number of pixels in each interval of the vertical axis, (scenes, 2n + 1).
        hues: palette index of each rectangle, (scenes, n).

    Returns:
        Colour maps, (scenes, height, width), 0 for the background.
    """
    count = hues.shape[1]
    height, width = (int(axis[0].sum()) if len(axis) else 0 for axis in (rows, columns))
    hue_of_set = np.zeros((len(top), (1 << count - 1) + 1), np.uint8)
    hue_of_set[:, 1 << np.arange(count)] = hues
    cells = hue_of_set[np.arange(len(top))[:, None, None], top]
    across = np.broadcast_to(columns[:, None, :], cells.shape)
    bands = np.repeat(cells.reshape(-1), across.reshape(-1)).reshape(-1, width)
    return np.repeat(bands, rows.reshape(-1), axis=0).reshape(-1, height, width)


def count_pixels(ends: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return the number of pixels in each interval between the lines of an axis, (scenes, 2n + 1)."""
    return np.diff(ends, axis=1, prepend=0, append=side)


def draw_scenes(design: Design, keys: streams.Words) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one scene per key.

    Returns:
        Colour maps (scenes, height, width), 0 for the background, and each colour's level (scenes, 11).
    """
    colours = np.empty((len(keys), *design.size), np.uint8)
    depth = np.zeros((len(keys), COLOURS + 1), np.uint8)
    numbers = draw_counts(design, keys)
    for count in np.unique(numbers):
        rows = np.flatnonzero(numbers == count)
        colours[rows], depth[rows] = draw_scenes_of_count(design, keys[rows], int(count))
    return colours, depth


def draw_scenes_of_count(
    design: Design, keys: streams.Words, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw scenes as `draw` does, each with `count` rectangles."""
    colours = np.empty((len(keys), *design.size), np.uint8)
    depth = np.empty((len(keys), COLOURS + 1), np.uint8)
    arranged = np.zeros((2, len(keys), 2 * count), np.int64)
    if not design.ambiguous:
        arranged[:] = draw_accepted(design.law, streams.derive_keys(keys, ARRANGING), count)
    for start in range(0, len(keys), CACHED):
        block = slice(start, start + CACHED)
        colours[block], depth[block] = render_arrangements(design, keys[block], count, *arranged[:, block])
    return colours, depth


def render_arrangements(
    design: Design, keys: streams.Words, count: int, across: Owners, down: Owners
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give arrangements their lines and colours, and return what `draw` does.

    Ambiguous scenes draw their own owners: `across` and `down` are then not used.
    """
    across_keys, down_keys = (streams.derive_keys(keys, MEASURING, axis) for axis in (0, 1))
    height, width = design.size
    if design.ambiguous:
        draw_ends = draw_overlapping_ends if design.law.overlapping else draw_free_ends
        across, x = draw_ends(across_keys, count, width)
        down, y = draw_ends(down_keys, count, height)
    else:
        x, y = draw_lines(design, across_keys, count, width), draw_lines(design, down_keys, count, height)
    columns, rows = count_pixels(x, width), count_pixels(y, height)
    # An interval without a pixel is emptied: a rectangle there neither shows nor overlaps.
    wide, high = (
        np.where(columns > 0, compute_spans(across), EMPTY),
        np.where(rows > 0, compute_spans(down), EMPTY),
    )
    top = HIGHEST[compute_cover(wide, high)]
    visible = np.bitwise_or.reduce(top, axis=(1, 2))
    level = compute_levels(true_relation(wide, high, visible, count), visible, design.reading)
    order = np.argsort(streams.draw_words(streams.derive_keys(keys, COLOURING), design.colours), axis=1)[
        :, :count
    ]
    hues = (order + 1).astype(np.uint8)
    depth = np.zeros((len(keys), COLOURS + 1), np.uint8)
    np.put_along_axis(depth, hues.astype(np.int64), level, axis=1)
    return paint_scenes(top, columns, rows, hues), depth
