"""A kept split draws its items in blocks when they are asked for, and keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
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
    """A split of random items, item i a function of (seed, split, i) alone, kept once drawn.

    parts: arrays with a row an item, what is kept of it.
    """

    parts: Sequence[NDArray[Any]]

    def __init__(self, split: str, seed: int, length: int) -> None:
        self.split, self.seed = split, seed
        self.drawn = np.zeros(length, np.bool_)

    @abstractmethod
    def draw(self, keys: streams.Words) -> Sequence[NDArray[Any]]:
        """Return the parts of items drawn from their streams, one each."""

    @abstractmethod
    def made(self, *parts: Tensor) -> Item:
        """Return inputs and targets of some items from their parts, on the device where these are."""

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
            drawn = self.draw(streams.key(self.seed, SPLITS.index(self.split), some))
            for kept, part in zip(self.parts, drawn, strict=True):
                kept[some] = part
            self.drawn[some] = True
        return wanted

    def batch(self, indices: Sequence[int]) -> Item:
        """Return inputs and targets of some items, channels last in memory.

        Raises IndexError where an index lies outside the split.
        """
        some = self.ensure(indices)
        return self.made(*(torch.from_numpy(part[some]) for part in self.parts))

    def materialise(self) -> Iterator[int]:
        """Draw what is left of the split, yielding how many items are there after each block."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.ensure(range(start, stop))
            yield stop

    def on(self, device: torch.device) -> Resident:
        """Return the split, drawn to its end, with its parts in the device's memory."""
        self.ensure(range(len(self)))
        return Resident(self.made, *(torch.from_numpy(part).to(device) for part in self.parts))


class Resident(Indexed):
    """A split in a device's memory: the same items, made there without waiting for it."""

    split = "resident"

    def __init__(self, made: Callable[..., Item], *parts: Tensor) -> None:
        self.made, self.parts = made, parts

    def __len__(self) -> int:
        return len(self.parts[0])

    def batch(self, indices: Sequence[int]) -> Item:
        """Return what the split it was made of does, on the device."""
        wanted = torch.from_numpy(self.wanted(indices))
        some = wanted.to(self.parts[0].device, non_blocking=True)
        return self.made(*(part[some] for part in self.parts))
