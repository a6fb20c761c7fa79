"""Items are the elements of a dataset, built one by one and read in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from probekit.plugin.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Dataset(Protocol):
    """Items (input, target) by index.

    An item must not depend on the order of access, the batch or the number of workers. `probekit.Items` makes
    a dataset of a function of the index. A dataset can have these methods, too:

    - `__getitems__(indices)`: several items in one vectorised call, equal to single items.
    - `batch(indices) -> (inputs, targets)`: a batch in any memory layout; probekit prefers it to items.
    - `materialise()`: draw the split, and yield the number of items drawn so far.
    - `on(device)`: return the split with its data in the device's memory, so that batches are built there.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


@dataclass(frozen=True, slots=True)
class Items:
    """A dataset made of a function of the index.

    Args:
        length: the number of items.
        item: `item(index)` returns the pair (input, target).
    """

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


def pad_item(inputs: Tensor, target: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pad an item with zeros to the size of a probe that says `Shape(..., padded=True)`.

    Args:
        inputs: (channels, *lengths).
        target: (outputs, *lengths), which is padded too, or (outputs,), which stays.
        size: the sides of the probe's inputs; no length is greater.

    Returns:
        The inputs (channels + 1, *size), whose last channel is 1 at positions of the item and 0 in the
        padding, and the target.

    Raises:
        UsageError: the item is longer than the probe's inputs, or has another number of sides.
    """
    import torch
    from torch.nn import functional

    lengths = tuple(inputs.shape[1:])
    if len(lengths) != len(size) or any(map(int.__gt__, lengths, size)):
        hint = "Choose lengths up to the size in the probe's Shape."
        raise UsageError("padding an item", f"its size is {lengths}, and the probe's is {tuple(size)}", hint)
    # torch counts sides from the last one
    widths = [
        width for side, length in zip(size[::-1], lengths[::-1], strict=True) for width in (0, side - length)
    ]
    padded_inputs = functional.pad(torch.cat([inputs, torch.ones_like(inputs[:1])]), widths)
    return padded_inputs, functional.pad(target, widths) if target.ndim > 1 else target


def read_batch(data: Dataset, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the inputs and targets of these items.

    It calls the dataset's `batch(indices)` if there is one, and keeps its memory layout. Otherwise it stacks
    single items.

    Shape:
        - Output: (batch, channels, *size) each
    """
    batch_method = getattr(data, "batch", None)
    if batch_method is not None:
        return cast("tuple[Tensor, Tensor]", batch_method(indices))
    import torch

    items_method = getattr(data, "__getitems__", None)
    items = items_method(indices) if items_method is not None else [data[index] for index in indices]
    inputs, targets = zip(*items, strict=True)
    return torch.stack(inputs), torch.stack(targets)


def move_to_device(data: Dataset, device: torch.device) -> Dataset:
    """Move a split to a device's memory, if the dataset has a method `on(device)`; otherwise return it."""
    move = getattr(data, "on", None)
    return data if move is None else cast("Dataset", move(device))


def iterate_batches(data: Dataset, count: int, size: int) -> Iterator[tuple[range, Tensor, Tensor]]:
    """Yield the first `count` items in batches of `size`: their indices, inputs and targets."""
    for start in range(0, count, size):
        indices = range(start, min(start + size, count))
        yield indices, *read_batch(data, indices)


def draw_split(data: Dataset) -> Iterator[int]:
    """Draw a whole split and yield the number of items drawn so far, if the dataset has `materialise()`."""
    materialise = getattr(data, "materialise", None)
    yield from cast("Iterator[int]", materialise() if materialise is not None else ())
