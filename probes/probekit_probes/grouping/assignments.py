"""Draws the items of the Color Code dataset: colours, codes, positions and masks, each from its key alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.grouping.block import LEVELS as LEVELS
from probekit_probes.grouping.block import Assignments as Assignments
from probekit_probes.grouping.block import Bytes
from probekit_probes.grouping.pairs import draw_pairs

DISTANCE = 8
"""Two colours of an item differ by at least this in one of their three channels, of 256 levels."""
COLOURING, CODING, PLACING, MASKING = range(4)


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of items.

    Attributes:
        size: number of positions.
        colours: number of colours of an item.
        classes: number of codes.
        iid_mask: draw each item once and never reject, as in Courtois et al. 2022. Otherwise an item is
            redrawn until at least one position is masked, each colour present shows a code, and the colours
            keep their distance.
        paired: draw from few to `colours` colours, in pairs of near ones with unlike codes: see `pairs`.
        shown: show the code at every position, of the same items.
    """

    size: int
    colours: int
    classes: int
    iid_mask: bool = False
    paired: bool = False
    shown: bool = False

    @property
    def flaws(self) -> float:
        """Expected number of flaws in one draw: colours without a code, and pairs of similar colours.

        An item takes about exp(flaws) draws.
        """
        if self.paired:
            return comb(self.colours, 2) * ((2 * DISTANCE - 1) / LEVELS) ** 3
        hidden = (1 - 0.5 / self.colours) ** self.size - (1 - 1 / self.colours) ** self.size
        similar = ((2 * DISTANCE - 1) / LEVELS) ** 3
        return self.colours * hidden + comb(self.colours, 2) * similar


def draw_assignments(design: Design, keys: streams.Words) -> Assignments:
    """Draw one item per key."""
    items = draw_masked(design, keys)
    if design.shown:
        items.masked.fill(False)
    return items


def draw_masked(design: Design, keys: streams.Words) -> Assignments:
    """Draw one item per key, redrawing it while it is flawed."""
    items = draw_unfiltered(design, streams.derive_keys(keys, 0))
    if design.iid_mask:
        return items
    attempts, pending = 1, np.flatnonzero(~is_flawless(items))
    while len(pending):
        redrawn = draw_unfiltered(design, streams.derive_keys(keys[pending], attempts))
        for column, new_column in zip(items, redrawn, strict=True):
            column[pending] = new_column
        attempts, pending = attempts + 1, pending[~is_flawless(redrawn)]
    return items


def draw_unfiltered(design: Design, keys: streams.Words) -> Assignments:
    """Draw one item per key, without rejection."""
    if design.paired:
        return draw_pairs(design.size, design.colours, design.classes, keys)

    def draw_integers(purpose: int, count: int, bound: int) -> Bytes:
        return streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, purpose), count), bound
        ).astype(np.uint8)

    palette = draw_integers(COLOURING, 3 * design.colours, LEVELS).reshape(len(keys), design.colours, 3)
    codes = draw_integers(CODING, design.colours, design.classes)
    colour = draw_integers(PLACING, design.size, design.colours)
    return Assignments(palette, codes, colour, draw_integers(MASKING, design.size, 2) == 1)


def is_flawless(items: Assignments) -> NDArray[np.bool_]:
    """Return which items mask a position, show a code of each colour present and have distinct colours."""
    count, colours = items.palette.shape[:2]
    rows = np.arange(count)[:, None]
    is_present, is_shown = (np.zeros((count, colours), np.bool_) for _ in range(2))
    is_present[rows, items.colour] = True
    is_shown[np.broadcast_to(rows, items.colour.shape)[~items.masked], items.colour[~items.masked]] = True
    valid: NDArray[np.bool_] = np.any(items.masked, axis=1) & np.all(is_shown | ~is_present, axis=1)
    valid[find_similar(items.palette)] = False
    return valid


def find_similar(palette: Bytes) -> NDArray[np.int64]:
    """Return the indices of palettes (items, colours, 3) in which two colours keep no distance."""
    order = np.argsort(palette[..., 0], axis=1)
    # sorted by one channel, only neighbours can be similar
    by_red = np.take_along_axis(palette, order[..., None], 1).astype(np.int16)
    similar = [np.zeros(0, np.int64)]
    for step in range(1, palette.shape[1]):
        item, first = np.nonzero(by_red[:, step:, 0] - by_red[:, :-step, 0] < DISTANCE)
        if not len(item):
            break
        difference = np.abs(by_red[item, first + step] - by_red[item, first])
        similar.append(item[difference.max(1) < DISTANCE])
    return np.unique(np.concatenate(similar))
