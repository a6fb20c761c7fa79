"""Cached splits: random items are drawn in blocks on first access and then kept in memory."""

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


class BatchedSplit(Dataset[Item], ABC):
    """A split that returns whole batches; a single item is a batch of one."""

    split: str

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batch(self, indices: Sequence[int]) -> Item:
        """Return the inputs and targets of some items.

        Raises:
            IndexError: if an index lies outside the split.
        """

    def check_indices(self, indices: Sequence[int]) -> Indices:
        """Return the indices as an array.

        Raises:
            IndexError: if an index lies outside the split.
        """
        index_array = np.asarray(indices, np.int64)
        if index_array.size and (index_array.min() < 0 or index_array.max() >= len(self)):
            raise IndexError(f"the {self.split} split has items 0 to {len(self) - 1}")
        return index_array

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        return list(zip(*self.batch(indices), strict=True))


class CachedSplit(BatchedSplit):
    """A split of random items that keeps each item once it is drawn.

    Item i is a function of (seed, split, i) alone.

    Attributes:
        parts: the arrays that store the items, one row per item.
    """

    parts: Sequence[NDArray[Any]]

    def __init__(self, split: str, seed: int, length: int) -> None:
        self.split, self.seed = split, seed
        self.is_drawn = np.zeros(length, np.bool_)

    @abstractmethod
    def draw(self, keys: streams.Words) -> Sequence[NDArray[Any]]:
        """Draw the parts of one item per key."""

    @abstractmethod
    def assemble_items(self, *parts: Tensor) -> Item:
        """Turn the parts of some items into inputs and targets, on the device of the parts."""

    def __len__(self) -> int:
        return len(self.is_drawn)

    def ensure_drawn(self, indices: Sequence[int]) -> Indices:
        """Draw the items that have not been drawn yet, and return the indices as an array.

        Raises:
            IndexError: if an index lies outside the split.
        """
        index_array = self.check_indices(indices)
        missing = np.unique(index_array[~self.is_drawn[index_array]])
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            new_parts = self.draw(streams.derive_keys(self.seed, SPLITS.index(self.split), block))
            for part, new_part in zip(self.parts, new_parts, strict=True):
                part[block] = new_part
            self.is_drawn[block] = True
        return index_array

    def batch(self, indices: Sequence[int]) -> Item:
        """Return the inputs and targets of some items, channels last in memory.

        Raises:
            IndexError: if an index lies outside the split.
        """
        index_array = self.ensure_drawn(indices)
        return self.assemble_items(*(torch.from_numpy(part[index_array]) for part in self.parts))

    def materialise(self) -> Iterator[int]:
        """Draw the rest of the split and yield the number of items ready after each block."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.ensure_drawn(range(start, stop))
            yield stop

    def on(self, device: torch.device) -> ResidentSplit:
        """Draw the whole split and return a copy whose parts are in the memory of the device."""
        self.ensure_drawn(range(len(self)))
        return ResidentSplit(self.assemble_items, *(torch.from_numpy(part).to(device) for part in self.parts))


class ResidentSplit(BatchedSplit):
    """A split in the memory of a device: it assembles the same items there, without synchronising."""

    split = "resident"

    def __init__(self, assemble_items: Callable[..., Item], *parts: Tensor) -> None:
        self.assemble_items, self.parts = assemble_items, parts

    def __len__(self) -> int:
        return len(self.parts[0])

    def batch(self, indices: Sequence[int]) -> Item:
        """Return the same items as the original split, on the device."""
        index_tensor = torch.from_numpy(self.check_indices(indices))
        rows = index_tensor.to(self.parts[0].device, non_blocking=True)
        return self.assemble_items(*(part[rows] for part in self.parts))
