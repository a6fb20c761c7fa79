"""Items are made one by one, and taken out of a dataset a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from probekit.interfaces import Dataset

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Items:
    """A dataset of `length` items, of which `item(index)` gives one: (input, target)."""

    length: int
    item: Callable[[int], tuple[Tensor, Tensor]]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < self.length:
            raise IndexError(f"there are items 0 to {self.length - 1}")
        return self.item(index)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        return [self[index] for index in indices]


def batch(data: Dataset, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the inputs and the targets of these items, (batch, channels, *size) each.

    A dataset that has `batch(indices)` gives them in one piece, in the memory layout it likes; of others the
    items are stacked.
    """
    whole = getattr(data, "batch", None)
    if whole is not None:
        return cast("tuple[Tensor, Tensor]", whole(indices))
    import torch

    several = getattr(data, "__getitems__", None)
    items = several(indices) if several is not None else [data[index] for index in indices]
    inputs, targets = zip(*items, strict=True)
    return torch.stack(inputs), torch.stack(targets)


def resident(data: Dataset, device: torch.device) -> Dataset:
    """Return a split whose items come from the device's own memory, where the dataset has `on(device)`."""
    move = getattr(data, "on", None)
    return data if move is None else cast("Dataset", move(device))


def batches(data: Dataset, count: int, size: int) -> Iterator[tuple[range, Tensor, Tensor]]:
    """Yield the first `count` items, `size` at a time: their indices, inputs and targets."""
    for start in range(0, count, size):
        indices = range(start, min(start + size, count))
        yield indices, *batch(data, indices)


def materialised(data: Dataset) -> Iterator[int]:
    """Draw a whole split, where it has `materialise()`, yielding how many items are there."""
    draw = getattr(data, "materialise", None)
    yield from cast("Iterator[int]", draw() if draw is not None else ())
