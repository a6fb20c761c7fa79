"""Draws items of few to many colours, which come in pairs of near colours with unlike codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.grouping.block import LEVELS, Assignments, Bytes

BASES, OFFSETS, CODES, OTHER_CODES, PLACES, MASKS, COUNT, ORDER = range(8)
NEAREST, FARTHEST = 12, 24
"""Two colours of a pair differ by so many of 256 levels, in the channel where they differ most."""
FEWEST = 4
"""Least number of colours of an item."""


def list_counts(colours: int) -> list[int]:
    """Return the numbers of colours that items can have: `colours`, half of it and so on, at least four."""
    counts = [colours]
    while counts[-1] % 4 == 0 and counts[-1] // 2 >= FEWEST:
        counts.append(counts[-1] // 2)
    return counts


def draw_pairs(size: int, colours: int, classes: int, keys: streams.Words) -> Assignments:
    """Draw one item per key; colours of different pairs can be similar.

    Half of the items have `colours` colours; the number of the others is one of the rest of
    `list_counts(colours)`, with equal chance. Each colour is shown
    once and masked once; the other positions have random colours, and half of them are masked.

    Args:
        size: number of positions, at least twice the number of colours.
        colours: greatest number of colours, even.
        classes: number of codes.
        keys: one per item, (items,).
    """

    def draw_integers(purpose: int, count: int, bound: int) -> NDArray[np.int64]:
        return streams.to_integers(streams.draw_words(streams.derive_keys(keys, purpose), count), bound)

    pairs = colours // 2
    counts = list_counts(colours)
    rest = len(counts) - 1
    drawn = draw_integers(COUNT, 1, max(1, 2 * rest))
    used = np.array(counts)[np.maximum(drawn - rest + 1, 0)] if rest else np.full_like(drawn, colours)
    palette = draw_near_colours(draw_integers(BASES, 3 * pairs, LEVELS), draw_offsets(keys, pairs))
    first = draw_integers(CODES, pairs, classes)
    second = (first + 1 + draw_integers(OTHER_CODES, pairs, classes - 1)) % classes
    codes = np.stack([first, second], 2).reshape(len(keys), colours).astype(np.uint8)
    place = np.arange(size)
    # the first positions show each colour once, the next ones mask each colour once
    filler = streams.draw_words(streams.derive_keys(keys, PLACES), size) % used.astype(np.uint64)
    colour = np.where(place < used, place, np.where(place < 2 * used, place - used, filler.astype(np.int64)))
    masked = np.where(place < 2 * used, place >= used, draw_integers(MASKS, size, 2) == 1)
    order = np.argsort(streams.draw_words(streams.derive_keys(keys, ORDER), size), axis=1)
    rows = np.arange(len(keys))[:, None]
    return Assignments(palette, codes, colour[rows, order].astype(np.uint8), masked[rows, order])


def draw_offsets(keys: streams.Words, pairs: int) -> NDArray[np.int64]:
    """Draw the difference of the two colours of each pair, (items, 3 pairs), in levels.

    One channel differs by NEAREST to FARTHEST levels, the others by at most as many; signs are random.
    """
    words = streams.draw_words(streams.derive_keys(keys, OFFSETS), 6 * pairs).reshape(len(keys), pairs, 6)
    farthest = NEAREST + streams.to_integers(words[..., :1], FARTHEST - NEAREST + 1)
    channel = streams.to_integers(words[..., 1:2], 3)
    share = streams.to_integers(words[..., 2:5], LEVELS)
    signs = 2 * (words[..., 5:] >> np.array([40, 41, 42], np.uint64) & np.uint64(1)).astype(np.int64) - 1
    sizes = np.where(np.arange(3) == channel, farthest, farthest * share // LEVELS)
    return (signs * sizes).reshape(len(keys), 3 * pairs)


def draw_near_colours(bases: NDArray[np.int64], offsets: NDArray[np.int64]) -> Bytes:
    """Return base and near colours in turn, (items, 2 pairs, 3); an offset beyond the range is reversed."""
    near = bases + offsets
    near = np.where((near < 0) | (near >= LEVELS), bases - offsets, near)
    both = np.stack([bases.reshape(len(bases), -1, 3), near.reshape(len(bases), -1, 3)], 2)
    return both.reshape(len(bases), -1, 3).astype(np.uint8)
