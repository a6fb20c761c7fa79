"""Random closed curves whose inside and outside are winding corridors that look alike from near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.grids import draw_until_valid, flood_distances
from probekit_probes.insideness.trees import Mask, draw_spanning_trees, flip_cells
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

OPEN, CURVE = range(2)
OUTSIDE, INSIDE = range(2)
WALK, FLIP, GAP, PLACE, THINNING = range(5)
BORDER = 7
"""Pixels from an edge of the image in which the two curves around one tree may differ."""
TILT = {(24, 3): 1.026, (32, 5): 0.354, (64, 8): 0.144}
"""By size and reach: images with fewer dead ends in the cells than in the rest are thinned out (`fit_tilt`).
The cells are one tree and the rest hangs from the border, so the rest would have more dead ends."""


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of images.

    Attributes:
        size: pixels per side, a multiple of 4.
        reach: pixels between the border and the middle, where answers count.
        min_steps: least length of the longest of all shortest paths out of the middle.
        max_steps: greatest length of it.
        easy: ask at the rim of the curve instead, see `find_rim`.
    """

    size: int
    reach: int
    min_steps: int
    max_steps: int
    easy: bool = False

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
        kinds, has_gap, is_inverted = self.draw_pictures(keys)
        curve = np.where(kinds == NO_ANSWER, CURVE, OPEN).astype(np.uint8)
        valid = has_gap & self.thin_out(kinds, is_inverted, keys)
        longest = count_exit_steps(kinds[valid] != NO_ANSWER, self.middle, self.max_steps).max((1, 2))
        valid[valid] = (longest >= self.min_steps) & (longest <= self.max_steps)
        if self.easy:
            kinds = np.where(find_rim(curve == CURVE), kinds, NO_ANSWER).astype(np.uint8)
        return valid, curve.reshape(len(keys), -1), kinds.reshape(len(keys), -1)

    def draw_pictures(self, keys: streams.Words) -> tuple[Bytes, Mask, Mask]:
        """Draw one picture per key, without rejection.

        Returns:
            Pictures (items, size, size), which have room for a gap, and which are inverted, (items,) each.
        """
        trees = draw_spanning_trees(streams.derive_keys(keys, WALK), self.nodes)
        cells = flip_cells(trees, streams.derive_keys(keys, FLIP))
        words = streams.draw_words(streams.derive_keys(keys, GAP), 3)
        inside, has_gap = choose_inside(cells, words)
        offsets = streams.draw_words(streams.derive_keys(keys, PLACE), 2)
        return place_pictures(outline_cells(inside), offsets, self.size), has_gap, is_swapped(words)

    def thin_out(self, kinds: Bytes, is_inverted: Mask, keys: streams.Words) -> Mask:
        """Return which pictures to keep, so that both sides have as many dead ends, (items,)."""
        excess = self.compare_dead_ends(kinds, is_inverted)
        chance = np.exp(TILT.get((self.size, self.reach), 0.0) * excess)
        draws = streams.draw_uniform(streams.derive_keys(keys, THINNING), 1)[:, 0]
        kept: Mask = draws < chance
        return kept

    def compare_dead_ends(self, kinds: Bytes, is_inverted: Mask) -> NDArray[np.int64]:
        """Return how many more dead ends the cells have than the rest in the middle, (items,)."""
        first, last = self.middle.start - 1, self.middle.stop + 1
        free = (kinds != NO_ANSWER).astype(np.int8)[:, first - 1 : last + 1, first - 1 : last + 1]
        neighbours = free[:, :-2, 1:-1] + free[:, 2:, 1:-1] + free[:, 1:-1, :-2] + free[:, 1:-1, 2:]
        part = kinds[:, first:last, first:last]
        ends = (neighbours == 1) & (part != NO_ANSWER)
        signs = np.where(part == INSIDE, 1, -1) * np.where(is_inverted, -1, 1)[:, None, None]
        excess: NDArray[np.int64] = (ends * signs).sum((1, 2))
        return excess


def fit_tilt(design: Design, items: int = 20_000) -> float:
    """Return the strength at which cells and rest have the same mean number of dead ends in the middle."""
    keys = streams.derive_keys(0, np.arange(items))
    kinds, has_gap, is_inverted = design.draw_pictures(keys)
    longest = count_exit_steps(kinds != NO_ANSWER, design.middle, design.max_steps).max((1, 2))
    excess = design.compare_dead_ends(kinds, is_inverted)[has_gap & (longest <= design.max_steps)]
    low, high = 0.0, 2.0
    for _ in range(40):
        strength = (low + high) / 2
        mean = (np.minimum(1, np.exp(strength * excess)) * excess).sum()
        low, high = (strength, high) if mean < 0 else (low, strength)
    return round(strength, 3)


def find_rim(curve: Mask) -> Mask:
    """Return the two outermost lines of the box around each curve, (items, size, size).

    There a pixel is inside exactly if a pixel of the curve lies between it and the edge of the box.
    """
    rim = np.zeros_like(curve)
    for item, mask in zip(rim, curve, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        item[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        item[rows[0] + 2 : rows[-1] - 1, columns[0] + 2 : columns[-1] - 1] = False
    return rim


def is_swapped(words: streams.Words) -> Mask:
    """Return in which items the cells are outside, (items,), from the words of `choose_inside`."""
    swapped: Mask = streams.to_integers(words[:, 0], 2) == 1
    return swapped


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
    is_inverted, side = is_swapped(words), streams.to_integers(words[:, 1], 4)
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
