"""Assignments: colours, their codes, who has which and what is masked, each a function of its key alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams

LEVELS = 256
DISTANCE = 8
"""Two colours of an item differ by at least this in one of their three channels, of 256 levels."""
COLOURING, CODING, PLACING, MASKING = range(4)
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Design:
    """All that an item's law depends on besides its key.

    size: positions. colours: of an item. classes: of codes. iid_mask: draw once and keep what comes, as in
    Courtois et al. 2022; else an item is drawn anew until one position is masked at least, each colour
    present shows a code and its colours keep their distance.
    """

    size: int
    colours: int
    classes: int
    iid_mask: bool = False

    @property
    def flaws(self) -> float:
        """Return how many colours without a code, and pairs too alike, one drawing has on the average.

        An item takes about exp(flaws) drawings.
        """
        untold = (1 - 0.5 / self.colours) ** self.size - (1 - 1 / self.colours) ** self.size
        alike = ((2 * DISTANCE - 1) / LEVELS) ** 3
        return self.colours * untold + comb(self.colours, 2) * alike


class Assignments(NamedTuple):
    """A block of items.

    palette: (items, colours, 3) levels. codes: (items, colours). colour: of each position, (items, size).
    masked: (items, size) bool.
    """

    palette: Bytes
    codes: Bytes
    colour: Bytes
    masked: NDArray[np.bool_]


def draw(design: Design, keys: streams.Words) -> Assignments:
    """Draw an item for each key."""
    found = draw_once(design, streams.key(keys, 0))
    if design.iid_mask:
        return found
    drawings, left = 1, np.flatnonzero(~flawless(found))
    while len(left):
        again = draw_once(design, streams.key(keys[left], drawings))
        for column, anew in zip(found, again, strict=True):
            column[left] = anew
        drawings, left = drawings + 1, left[~flawless(again)]
    return found


def draw_once(design: Design, keys: streams.Words) -> Assignments:
    """Draw an item for each key, whatever comes."""

    def numbers(purpose: int, count: int, bound: int) -> Bytes:
        return streams.below(streams.words(streams.key(keys, purpose), count), bound).astype(np.uint8)

    palette = numbers(COLOURING, 3 * design.colours, LEVELS).reshape(len(keys), design.colours, 3)
    codes = numbers(CODING, design.colours, design.classes)
    colour = numbers(PLACING, design.size, design.colours)
    return Assignments(palette, codes, colour, numbers(MASKING, design.size, 2) == 1)


def flawless(drawn: Assignments) -> NDArray[np.bool_]:
    """Tell which items mask something, show a code of each colour present and have colours well apart."""
    kept: NDArray[np.bool_] = np.any(drawn.masked, axis=1)
    for name in range(drawn.palette.shape[1]):
        present = drawn.colour == name
        kept &= np.any(present & ~drawn.masked, axis=1) | ~np.any(present, axis=1)
        apart = np.abs(drawn.palette[:, :name].astype(np.int16) - drawn.palette[:, name : name + 1])
        kept &= np.all(apart.max(axis=2) >= DISTANCE, axis=1)
    return kept
