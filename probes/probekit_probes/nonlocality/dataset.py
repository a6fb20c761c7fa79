"""The dataset keeps a split as colour maps and levels, drawn when asked for, and hands out (image, depth)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from probekit_probes import streams
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.scenes import COLOURS, Design, draw

SPLITS = ("train", "validation", "test")
BLOCK = 4096
DEPTHS = 11


class Rectangles(Dataset[tuple[Tensor, Tensor]]):
    """Images of rectangles and the depth of each pixel.

    Item i: float32 RGB (3, size, size) in [0, 1] and float32 depth (1, size, size), (level + 1) / 11, a
    function of (seed, split, i) alone. A drawn item takes size^2 + 11 bytes. Source: the Rectangle Depth
    Estimation dataset, Courtois et al. 2022, section 3.1.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        self.design, self.split, self.seed = design, split, seed
        self.colours = np.empty((length, design.size, design.size), np.uint8)
        self.levels = np.empty((length, COLOURS + 1), np.uint8)
        self.drawn = np.zeros(length, np.bool_)

    def __len__(self) -> int:
        return len(self.drawn)

    def ensure(self, indices: Sequence[int]) -> NDArray[np.int64]:
        """Draw those of the indices that have not been drawn, and return them as an array.

        Raises IndexError where one lies outside the split.
        """
        wanted = np.asarray(indices, np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"the {self.split} split has items 0 to {len(self) - 1}")
        missing = np.unique(wanted[~self.drawn[wanted]])
        for start in range(0, len(missing), BLOCK):
            some = missing[start : start + BLOCK]
            keys = streams.key(self.seed, SPLITS.index(self.split), some)
            self.colours[some], self.levels[some] = draw(self.design, keys)
            self.drawn[some] = True
        return wanted

    def materialise(self) -> Iterator[int]:
        """Draw what is left of the split, yielding how many items are there after each block."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.ensure(range(start, stop))
            yield stop

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return images (batch, 3, size, size), channels last in memory, and depths (batch, 1, size, size).

        Raises IndexError where an index lies outside the split.
        """
        some = self.ensure(indices)
        colours = torch.from_numpy(self.colours[some]).int()
        levels = torch.from_numpy(self.levels[some])
        images = torch.nn.functional.embedding(colours, PALETTE).permute(0, 3, 1, 2)
        flat = torch.gather((levels + 1) / DEPTHS, 1, colours.flatten(1).long())
        return images, flat.view(colours.shape).unsqueeze(1)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        return list(zip(*self.batch(indices), strict=True))
