"""Random mazes of open cells, with a seed that can reach some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.grids import draw_until_valid, flood_distances
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

WALL, OPEN, SEED = range(3)
DRY, FILLED = range(2)
OPEN_PROBABILITY = 0.62
"""Probability of an open cell: a little above the 0.593 at which paths first cross a large maze."""
MIN_REACHED, MAX_REACHED = 0.4, 0.6
"""Least and greatest share of the open cells that can be reached."""


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of mazes.

    Attributes:
        side: cells per side.
        min_steps: least number of steps from the seed to the farthest cell it can reach.
        max_steps: greatest number of steps.
        within: ask only about the cells at most this many steps from the seed, walls ignored, and whether a
            path of as many steps leads there; 0 to ask about all cells.
    """

    side: int
    min_steps: int
    max_steps: int
    within: int = 0

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are walls, open cells and the seed; the classes are dry and filled."""
        return Alphabet(3, 2, (self.side, self.side))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw cells and answers, (items, side * side) uint8 each, one item per key.

        Raises:
            UsageError: if mazes of this side have no such paths.
        """
        steps = f"{self.min_steps} to {self.max_steps}"
        request = f"mazes of {self.side} x {self.side} cells and paths of {steps} steps"
        return draw_until_valid(keys, self.draw_mazes, request, "Type a lower near=, or a higher size=.")

    def draw_mazes(self, keys: streams.Words) -> tuple[NDArray[np.bool_], Bytes, Bytes]:
        """Draw one maze per key, without rejection: which are valid, their cells and their answers."""
        drawn = streams.draw_uniform(keys, self.side**2 + 1)
        free = drawn[:, :-1] < OPEN_PROBABILITY
        # the seed is one of the open cells, each equally likely
        number = (drawn[:, -1] * free.sum(1)).astype(np.int64)
        seed = free & (free.cumsum(1) - 1 == number[:, None])
        grid = (-1, self.side, self.side)
        steps = flood_distances(free.reshape(grid), seed.reshape(grid), self.max_steps)
        steps = steps.reshape(len(keys), -1)
        filled, farthest = steps >= 0, steps.max(1)
        share = filled.sum(1) / np.maximum(free.sum(1), 1)
        valid = (share >= MIN_REACHED) & (share <= MAX_REACHED)
        valid &= (farthest >= self.min_steps) & (farthest <= self.max_steps)
        asked = free & ~seed
        if self.within:
            filled &= steps <= self.within
            asked &= self.find_near_cells(seed.argmax(1))
        answers = np.where(asked, np.where(filled, FILLED, DRY), NO_ANSWER)
        return valid, (free * OPEN + seed).astype(np.uint8), answers.astype(np.uint8)

    def find_near_cells(self, seeds: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which cells are at most `within` steps from the seed, walls ignored, (items, cells)."""
        cells = np.arange(self.side**2)
        rows = np.abs(cells // self.side - (seeds // self.side)[:, None])
        columns = np.abs(cells % self.side - (seeds % self.side)[:, None])
        near: NDArray[np.bool_] = rows + columns <= self.within
        return near
