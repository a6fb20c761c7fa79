"""The arrow dataset: five cells that no turn and no mirror maps onto themselves, and the cell they aim at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from probekit_probes.cached_split import BatchedSplit, Item

ARROW = ((1, 0), (1, 1), (1, 2), (1, 3), (0, 2))
"""Rows and columns: a shaft of four, and a barb next to the last but one."""
AIM = (0, 6)
"""Three cells beyond the tip, one to the side of the barb."""
TALL, LONG = 2, 7
"""Cells that an arrow and its aim take up, in the orientation of training."""
ORIENTATIONS = 8


def orientation_sources(size: int) -> Tensor:
    """Return the source of each flat position of an image in each orientation, (8, size * size) int64.

    Orientations 0 to 3 are that many quarter turns; 4 to 7 are the same turns of the mirror image.
    """
    flat = torch.arange(size**2).view(size, size)
    return torch.stack(
        [
            torch.rot90(image, turns).flatten()
            for image in (flat, flat.flip(1))
            for turns in range(ORIENTATIONS // 2)
        ]
    )


class Arrows(BatchedSplit):
    """Black images with an arrow at any position, and the cell it aims at.

    Item i: float32 image (1, size, size) and cell (1, size, size), 0 or 1, a function of (split, i) alone.
    Training (three positions of four) and validation (the fourth) have orientation 0, the test 1 to 7. If it
    is easy, validation and test share the fourth, and have orientation 0.
    """

    def __init__(self, size: int, split: str, easy: bool = False) -> None:
        self.size, self.split = size, split
        rows, columns = size - TALL + 1, size - LONG + 1
        corners = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        is_fourth = (corners[:, 0] + 2 * corners[:, 1]) % 4 == 0
        if easy and split != "train":
            fourth = corners[is_fourth]
            self.corners = fourth[::2] if split == "validation" else fourth[1::2]
            self.orientations = torch.zeros(len(self.corners), dtype=torch.int64)
        elif split == "test":
            self.orientations = torch.arange(1, ORIENTATIONS).repeat_interleave(len(corners))
            self.corners = corners.repeat(ORIENTATIONS - 1, 1)
        else:
            self.corners = corners[is_fourth if split == "validation" else ~is_fourth]
            self.orientations = torch.zeros(len(self.corners), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.corners)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return images and cells, (batch, 1, size, size) each.

        Raises:
            IndexError: if an index lies outside the split.
        """
        rows = torch.from_numpy(self.check_indices(indices))
        corner = self.corners[rows][:, None]
        source = orientation_sources(self.size)[self.orientations[rows]]

        def light_cells(cells: Sequence[tuple[int, int]]) -> Tensor:
            positions = corner + torch.tensor(cells)
            flat = torch.zeros(len(rows), self.size**2)
            flat.scatter_(1, positions[..., 0] * self.size + positions[..., 1], 1.0)
            return flat.gather(1, source).view(-1, 1, self.size, self.size)

        return light_cells(ARROW), light_cells([AIM])
