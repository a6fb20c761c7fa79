"""The dataset keeps a split as bytes, drawn when asked for, and hands out (colours with codes, codes)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from probekit_probes import streams
from probekit_probes.grouping.assignments import LEVELS, Assignments, Design, draw

SPLITS = ("train", "validation", "test")
BLOCK = 4096


class ColourCodes(Dataset[tuple[Tensor, Tensor]]):
    """Rows of positions, each of a colour; each colour has a code, shown at half of its positions.

    Item i: float32 inputs (3 + classes, size), RGB in [0, 1] and the code as one-hot channels, all zero where
    masked; float32 target (classes, size), the code of every position as one-hot channels. A function of
    (seed, split, i) alone. A drawn item takes 2 size + 4 colours bytes. Source: the Color Code dataset,
    Courtois et al. 2022, section 3.3.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        self.design, self.split, self.seed = design, split, seed
        self.kept = Assignments(
            np.empty((length, design.colours, 3), np.uint8),
            np.empty((length, design.colours), np.uint8),
            np.empty((length, design.size), np.uint8),
            np.empty((length, design.size), np.bool_),
        )
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
            found = draw(self.design, streams.key(self.seed, SPLITS.index(self.split), some))
            for column, part in zip(self.kept, found, strict=True):
                column[some] = part
            self.drawn[some] = True
        return wanted

    def materialise(self) -> Iterator[int]:
        """Draw what is left of the split, yielding how many items are there after each block."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.ensure(range(start, stop))
            yield stop

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return inputs (batch, 3 + classes, size) and targets (batch, classes, size).

        Channels lie last in memory. Raises IndexError where an index lies outside the split.
        """
        some = self.ensure(indices)
        palette, codes, colour, masked = (torch.from_numpy(column[some]) for column in self.kept)
        row, place = torch.arange(len(some))[:, None], colour.long()
        rgb = palette[row, place].float() / (LEVELS - 1)
        truth = functional.one_hot(codes[row, place].long(), self.design.classes).float()
        inputs = torch.cat([rgb, truth * ~masked[..., None]], dim=2)
        return inputs.mT, truth.mT

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        return list(zip(*self.batch(indices), strict=True))
