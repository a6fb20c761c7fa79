"""Items are taken out of a dataset a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from probekit.interfaces import Dataset

if TYPE_CHECKING:
    from torch import Tensor


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


def materialised(data: Dataset) -> Iterator[int]:
    """Draw a whole split, where it has `materialise()`, yielding how many items are there."""
    draw = getattr(data, "materialise", None)
    yield from cast("Iterator[int]", draw() if draw is not None else ())
