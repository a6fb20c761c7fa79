"""The dataset keeps the places of white pixels and hands out (image, mask of the square around the pixel)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from probekit_probes.kept import Indexed, Item


def middle_of(size: int, square: int) -> tuple[int, int]:
    """Return the first and the last place of training along an axis."""
    margin, fitting = square // 2, size - square + 1
    first = margin + (fitting - fitting // 2) // 2
    return first, first + fitting // 2 - 1


def centres(size: int, square: int, split: str) -> Tensor:
    """Return the places of a split's white pixels, (places, 2) int64 rows and columns, in reading order.

    train: the central half, on each axis, of the places whose square fits. test: the others whose square
    fits. validation: those whose square the image's border crops, which the other two splits leave out.
    """
    margin, fitting = square // 2, size - square + 1
    first, last = middle_of(size, square)
    place = torch.arange(size)
    fits = (place >= margin) & (place < margin + fitting)
    central = (place >= first) & (place <= last)
    inner, middle = fits[:, None] & fits, central[:, None] & central
    return {"train": middle, "validation": ~inner, "test": inner & ~middle}[split].nonzero()


class Squares(Indexed):
    """Black images with one white pixel, and the white square centred on it.

    Item i: float32 image (1, size, size) and mask (1, size, size), 0 or 1, a function of (split, i) alone.
    Source: the Centered Square dataset, Courtois et al. 2022, section 3.2.
    """

    def __init__(self, size: int, square: int, split: str) -> None:
        self.size, self.square, self.split = size, square, split
        self.centres = centres(size, square, split)

    def __len__(self) -> int:
        return len(self.centres)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return images and masks, (batch, 1, size, size) each.

        Raises IndexError where an index lies outside the split.
        """
        wanted = torch.from_numpy(self.wanted(indices))
        off = (torch.arange(self.size) - self.centres[wanted][..., None]).abs()

        def within(reach: int) -> Tensor:
            rows, columns = (off <= reach).unbind(1)
            return (rows[:, None, :, None] & columns[:, None, None]).float()

        return within(0), within(self.square // 2)
