"""The Centered Square dataset: it stores the white pixels' positions and makes images and masks on access."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from probekit_probes.cached_split import BatchedSplit, Item


def training_range(size: int, square: int) -> tuple[int, int]:
    """Return the first and the last training position along an axis."""
    margin, fitting = square // 2, size - square + 1
    first = margin + (fitting - fitting // 2) // 2
    return first, first + fitting // 2 - 1


def list_centres(size: int, square: int, split: str) -> Tensor:
    """List the positions of a split's white pixels.

    Args:
        size: pixels per side of the image.
        square: side of the square.
        split: "train" for the central half, on each axis, of the positions whose square fits; "test" for the
            other positions whose square fits; "validation" for positions whose square the border crops, which
            the other splits leave out.

    Returns:
        Rows and columns, (positions, 2) int64, in reading order.
    """
    margin, fitting = square // 2, size - square + 1
    first, last = training_range(size, square)
    position = torch.arange(size)
    fits = (position >= margin) & (position < margin + fitting)
    central = (position >= first) & (position <= last)
    inner, middle = fits[:, None] & fits, central[:, None] & central
    return {"train": middle, "validation": ~inner, "test": inner & ~middle}[split].nonzero()


class Squares(BatchedSplit):
    """Black images with one white pixel, and the white square centred on it.

    Item i: float32 image (1, size, size) and mask (1, size, size), 0 or 1, a function of (split, i) alone.
    Source: the Centered Square dataset, Courtois et al. 2022, section 3.2.
    """

    def __init__(self, size: int, square: int, split: str) -> None:
        self.size, self.square, self.split = size, square, split
        self.centres = list_centres(size, square, split)

    def __len__(self) -> int:
        return len(self.centres)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return images and masks, (batch, 1, size, size) each.

        Raises:
            IndexError: if an index lies outside the split.
        """
        rows = torch.from_numpy(self.check_indices(indices))
        offsets = (torch.arange(self.size) - self.centres[rows][..., None]).abs()

        def draw_square(radius: int) -> Tensor:
            rows, columns = (offsets <= radius).unbind(1)
            return (rows[:, None, :, None] & columns[:, None, None]).float()

        return draw_square(0), draw_square(self.square // 2)
