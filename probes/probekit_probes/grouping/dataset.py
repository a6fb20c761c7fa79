"""The dataset keeps a split as bytes, drawn when asked for, and hands out (colours with codes, codes)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from probekit_probes.grouping.assignments import LEVELS, Assignments, Design, draw
from probekit_probes.kept import Indices, Item, Kept
from probekit_probes.streams import Words


class ColourCodes(Kept):
    """Rows of positions, each of a colour; each colour has a code, shown at half of its positions.

    Item i: float32 inputs (3 + classes, size), RGB in [0, 1] and the code as one-hot channels, all zero where
    masked; float32 target (classes, size), the code of every position as one-hot channels. A function of
    (seed, split, i) alone. A drawn item takes 2 size + 4 colours bytes. Source: the Color Code dataset,
    Courtois et al. 2022, section 3.3.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        super().__init__(split, seed, length)
        self.design = design
        self.kept = Assignments(
            np.empty((length, design.colours, 3), np.uint8),
            np.empty((length, design.colours), np.uint8),
            np.empty((length, design.size), np.uint8),
            np.empty((length, design.size), np.bool_),
        )

    def draw(self, some: Indices, keys: Words) -> None:
        for column, part in zip(self.kept, draw(self.design, keys), strict=True):
            column[some] = part

    def batch(self, indices: Sequence[int]) -> Item:
        """Return inputs (batch, 3 + classes, size) and targets (batch, classes, size).

        Channels lie last in memory. Raises IndexError where an index lies outside the split.
        """
        some = self.ensure(indices)
        palette, codes, colour, masked = (torch.from_numpy(column[some]) for column in self.kept)
        row, place = torch.arange(len(some))[:, None], colour.long()
        rgb = palette[row, place].float() / (LEVELS - 1)
        truth = functional.one_hot(codes[row, place].long(), self.design.classes).float()
        inputs = torch.cat([rgb, truth * ~masked[..., None]], dim=2)
        return inputs.mT, truth.mT
