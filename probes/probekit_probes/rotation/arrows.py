"""Arrows are five cells that no turn and no mirror brings back onto themselves, and the cell they aim at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from probekit_probes.kept import Indexed, Item

ARROW = ((1, 0), (1, 1), (1, 2), (1, 3), (0, 2))
"""Rows and columns: a shaft of four, and a barb beside the last but one."""
AIM = (0, 6)
"""Three cells beyond the tip, one to the side of the barb."""
TALL, LONG = 2, 7
"""Cells that an arrow and its aim take up, in the orientation of training."""
ORIENTATIONS = 8


def turns(size: int) -> Tensor:
    """Return from which flat position each position of a turned image comes, (8, size * size) int64.

    0 to 3: so many quarter turns; 4 to 7: so many of the mirror image.
    """
    flat = torch.arange(size**2).view(size, size)
    return torch.stack(
        [torch.rot90(one, k).flatten() for one in (flat, flat.flip(1)) for k in range(ORIENTATIONS // 2)]
    )


class Arrows(Indexed):
    """Black images with an arrow somewhere, and the cell it aims at.

    Item i: float32 image (1, size, size) and cell (1, size, size), 0 or 1, a function of (split, i) alone.
    Orientation 0 alone in training (three places of four) and validation (the fourth), 1 to 7 in test.
    """

    def __init__(self, size: int, split: str) -> None:
        self.size, self.split = size, split
        rows, columns = size - TALL + 1, size - LONG + 1
        place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        fourth = (place[:, 0] + 2 * place[:, 1]) % 4 == 0
        if split == "test":
            self.orientation = torch.arange(1, ORIENTATIONS).repeat_interleave(len(place))
            self.place = place.repeat(ORIENTATIONS - 1, 1)
        else:
            self.place = place[fourth if split == "validation" else ~fourth]
            self.orientation = torch.zeros(len(self.place), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.place)

    def batch(self, indices: Sequence[int]) -> Item:
        """Return images and cells, (batch, 1, size, size) each.

        Raises IndexError where an index lies outside the split.
        """
        wanted = torch.from_numpy(self.wanted(indices))
        corner = self.place[wanted][:, None]
        source = turns(self.size)[self.orientation[wanted]]

        def lit(cells: Sequence[tuple[int, int]]) -> Tensor:
            there = corner + torch.tensor(cells)
            flat = torch.zeros(len(wanted), self.size**2)
            flat.scatter_(1, there[..., 0] * self.size + there[..., 1], 1.0)
            return flat.gather(1, source).view(-1, 1, self.size, self.size)

        return lit(ARROW), lit([AIM])
