"""Mazes are open cells at random, with a seed from which some of them can be reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.maps import flooded, redrawn
from probekit_probes.words import UNASKED, Alphabet, Bytes

WALL, OPEN, SEED = range(3)
DRY, FILLED = range(2)
SHARE = 0.62
"""How many cells are open: a little more than the 0.593 at which paths first cross a large maze."""
LEAST, MOST = 0.4, 0.6
"""Of the open cells so many can be reached."""


@dataclass(frozen=True, slots=True)
class Design:
    """side: of a maze, in cells; near, far: the longest of all shortest paths from the seed, in steps."""

    side: int
    near: int
    far: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are walls, open cells and the seed; the classes are dry and filled."""
        return Alphabet(3, 2, (self.side, self.side))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return cells and answers, (items, side * side) uint8 each, of keys (items,).

        Raises UsageError where mazes of this side have no such paths.
        """
        asked = f"mazes of {self.side} x {self.side} cells and paths of {self.near} to {self.far} steps"
        return redrawn(keys, self.draw, asked, "Type a lower near=, or a higher size=.")

    def draw(self, keys: streams.Words) -> tuple[NDArray[np.bool_], Bytes, Bytes]:
        """Return which mazes are fine, their cells and their answers."""
        drawn = streams.uniform(keys, self.side**2 + 1)
        free = drawn[:, :-1] < SHARE
        # the seed is one of the open cells, each as likely
        number = (drawn[:, -1] * free.sum(1)).astype(np.int64)
        seed = free & (free.cumsum(1) - 1 == number[:, None])
        square = (-1, self.side, self.side)
        steps = flooded(free.reshape(square), seed.reshape(square), self.far).reshape(len(keys), -1)
        filled, farthest = steps >= 0, steps.max(1)
        share = filled.sum(1) / np.maximum(free.sum(1), 1)
        fine = (share >= LEAST) & (share <= MOST) & (farthest >= self.near) & (farthest <= self.far)
        answers = np.where(free & ~seed, np.where(filled, FILLED, DRY), UNASKED)
        return fine, (free * OPEN + seed).astype(np.uint8), answers.astype(np.uint8)
