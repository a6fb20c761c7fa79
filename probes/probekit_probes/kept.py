"""A kept split draws its items in blocks when they are asked for, and keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from probekit_probes import streams

Item = tuple[Tensor, Tensor]
Indices = NDArray[np.int64]
SPLITS = ("train", "validation", "test", "harder")
BLOCK = 4096


class Indexed(Dataset[Item], ABC):
    """A split that hands out batches; item by item it is a batch of one."""

    split: str

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batch(self, indices: Sequence[int]) -> Item:
        """Return inputs and targets of some items. Raises IndexError where one lies outside the split."""

    def wanted(self, indices: Sequence[int]) -> Indices:
        """Return indices as an array. Raises IndexError where one lies outside the split."""
        wanted = np.asarray(indices, np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"the {self.split} split has items 0 to {len(self) - 1}")
        return wanted

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        return list(zip(*self.batch(indices), strict=True))


class Kept(Indexed):
    """A split of random items, item i a function of (seed, split, i) alone, kept once drawn."""

    def __init__(self, split: str, seed: int, length: int) -> None:
        self.split, self.seed = split, seed
        self.drawn = np.zeros(length, np.bool_)

    @abstractmethod
    def draw(self, some: Indices, keys: streams.Words) -> None:
        """Draw items from their streams, one each, and keep them."""

    def __len__(self) -> int:
        return len(self.drawn)

    def ensure(self, indices: Sequence[int]) -> Indices:
        """Draw those of the indices that have not been drawn, and return them as an array.

        Raises IndexError where one lies outside the split.
        """
        wanted = self.wanted(indices)
        missing = np.unique(wanted[~self.drawn[wanted]])
        for start in range(0, len(missing), BLOCK):
            some = missing[start : start + BLOCK]
            self.draw(some, streams.key(self.seed, SPLITS.index(self.split), some))
            self.drawn[some] = True
        return wanted

    def materialise(self) -> Iterator[int]:
        """Draw what is left of the split, yielding how many items are there after each block."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.ensure(range(start, stop))
            yield stop
