"""Mazes are open cells at random, with a seed from which some of them can be reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.words import UNASKED, Alphabet, Bytes

WALL, OPEN, SEED = range(3)
DRY, FILLED = range(2)
SHARE = 0.62
"""How many cells are open: a little more than the 0.593 at which paths first cross a large maze."""
LEAST, MOST = 0.4, 0.6
"""Of the open cells so many can be reached."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Design:
    """side: of a maze, in cells; near, far: the longest of all shortest paths from the seed, in steps."""

    side: int
    near: int
    far: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are walls, open cells and the seed; the classes are dry and filled."""
        return Alphabet(3, 2, self.side**2)

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return cells and answers, (items, side * side) uint8 each, of keys (items,)."""
        cells = np.empty((len(keys), self.side**2), np.uint8)
        answers = np.empty((len(keys), self.side**2), np.uint8)
        left, attempt = np.arange(len(keys)), 0
        while len(left):
            drawn = streams.uniform(streams.key(keys[left], attempt), self.side**2 + 1)
            free = drawn[:, :-1] < SHARE
            # the seed is one of the open cells, each as likely
            number = (drawn[:, -1] * free.sum(1)).astype(np.int64)
            seed = free & (free.cumsum(1) - 1 == number[:, None])
            filled, steps = flooded(
                free.reshape(-1, self.side, self.side), seed.reshape(-1, self.side, self.side), self.far
            )
            share = filled.sum((1, 2)) / np.maximum(free.sum(1), 1)
            fine = (share >= LEAST) & (share <= MOST) & (steps >= self.near) & (steps <= self.far)
            some = left[fine]
            cells[some] = (free * OPEN + seed).astype(np.uint8)[fine]
            told = np.where(filled.reshape(len(left), -1), FILLED, DRY)
            answers[some] = np.where(free & ~seed, told, UNASKED).astype(np.uint8)[fine]
            left, attempt = left[~fine], attempt + 1
        return cells, answers


def flooded(free: Mask, seed: Mask, most: int) -> tuple[Mask, NDArray[np.int64]]:
    """Return what is reached from seeds, (items, side, side), and the steps to the farthest cell, (items,);
    no flood goes on for more than `most` + 1 steps."""
    reached, steps = seed.copy(), np.zeros(len(seed), np.int64)
    going = np.arange(len(seed))
    for step in range(1, most + 2):
        now = reached[going]
        wet = now.copy()
        wet[:, 1:] |= now[:, :-1]
        wet[:, :-1] |= now[:, 1:]
        wet[:, :, 1:] |= now[:, :, :-1]
        wet[:, :, :-1] |= now[:, :, 1:]
        wet &= free[going]
        grown = (wet != now).any((1, 2))
        reached[going], going = wet, going[grown]
        steps[going] = step
        if not len(going):
            break
    return reached, steps
