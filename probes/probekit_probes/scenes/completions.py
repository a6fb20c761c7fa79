"""The filter of scenes of catalogue shapes: every completion of the image has the same order.

The shapes of a scene, from the lowest to the highest, are s[0] to s[n - 1], and v[c] are the visible pixels
of s[c]. A completion of c is a catalogue shape that covers v[c] and no background. The image proves that d is
above c if every completion of c covers a pixel of v[d]. Every two objects overlap, so the levels are a total
order: it is proved if the image proves it for each object and the next higher one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes.nonlocality.ranks import SIZE
from probekit_probes.scenes.catalogue import Bits, Catalogue

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Directions (row, column) in which the outermost pixels of a visible part are tested first."""


def find_visible(shapes: Bits) -> Bits:
    """Return the visible pixels of each object, (scenes, n, words); the last object is on top."""
    visible = shapes.copy()
    cover = np.zeros_like(shapes[:, 0])
    for layer in range(shapes.shape[1] - 1, -1, -1):
        visible[:, layer] &= ~cover
        cover |= shapes[:, layer]
    return visible


def all_overlap(shapes: Bits) -> NDArray[np.bool_]:
    """Return in which scenes every two objects overlap, (scenes,)."""
    overlap = np.ones(len(shapes), np.bool_)
    for second in range(shapes.shape[1]):
        for first in range(second):
            overlap[overlap] = (shapes[overlap, first] & shapes[overlap, second]).any(axis=1)
    return overlap


def are_all_visible(visible: Bits, least: int) -> NDArray[np.bool_]:
    """Return in which scenes each object shows `least` pixels or more, (scenes,)."""
    pixels: NDArray[np.int64] = SIZE[visible.view(np.uint8)].sum(axis=2, dtype=np.int64)
    enough: NDArray[np.bool_] = np.all(pixels >= least, axis=1)
    return enough


def is_order_proved(catalogue: Catalogue, shapes: Bits, visible: Bits) -> NDArray[np.bool_]:
    """Return in which scenes the image proves the order, (scenes,).

    Args:
        catalogue: all shapes.
        shapes: pixels of each object, from the lowest to the highest, (scenes, n, words).
        visible: its visible pixels, same shape.
    """
    # Necessary, and fast: the object itself, one of the completions, covers a pixel of the next.
    covered: NDArray[np.bool_] = np.any(shapes[:, :-1] & visible[:, 1:], axis=2)
    proved: NDArray[np.bool_] = np.all(covered, axis=1)
    background = ~np.bitwise_or.reduce(shapes, axis=1)
    for lower in range(shapes.shape[1] - 1):
        scenes = np.flatnonzero(proved)
        forbidden = background[scenes] | visible[scenes, lower + 1]
        proved[scenes] = ~has_completion(catalogue, visible[scenes, lower], forbidden)
    return proved


def has_completion(catalogue: Catalogue, required: Bits, forbidden: Bits) -> NDArray[np.bool_]:
    """Return whether a catalogue shape covers all required and no forbidden pixels.

    Args:
        catalogue: all shapes.
        required: pixels, (queries, words).
        forbidden: pixels, (queries, words).

    Returns:
        (queries,) bool.
    """
    candidates = np.full((len(required), catalogue.shapes_at.shape[1]), ~np.uint64(0))
    for pixels in find_outermost(required, catalogue.side):
        candidates &= catalogue.shapes_at[pixels]
    listed = np.unpackbits(candidates.view(np.uint8), axis=1, bitorder="little")[:, : len(catalogue.bits)]
    query, shape = np.nonzero(listed)
    bits = catalogue.bits[shape]
    fits = ~((required[query] & ~bits) | (forbidden[query] & bits)).any(axis=1)
    is_completed = np.zeros(len(required), np.bool_)
    is_completed[query[fits]] = True
    return is_completed


def find_outermost(sets: Bits, side: int) -> list[NDArray[np.int64]]:
    """Return the first and the last pixel of each set in each of four directions, eight arrays (sets,)."""
    flat = np.unpackbits(sets.view(np.uint8), axis=1, bitorder="little")[:, : side * side].astype(np.bool_)
    row, column = np.divmod(np.arange(side * side), side)
    outermost = []
    for down, across in DIRECTIONS:
        order = np.argsort(down * row + across * column, kind="stable")
        ordered = flat[:, order]
        outermost += [order[ordered.argmax(axis=1)], order[::-1][ordered[:, ::-1].argmax(axis=1)]]
    return outermost
