"""The Color Code dataset: it stores a split as bytes and returns (colours with codes, codes)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from probekit_probes.cached_split import CachedSplit, Item
from probekit_probes.grouping.assignments import LEVELS, Assignments, Design, draw_assignments
from probekit_probes.streams import Words


class ColourCodes(CachedSplit):
    """Sequences of coloured positions; each colour has a code, shown at half of its positions.

    Item i: float32 inputs (3 + classes, size), RGB in [0, 1] and the code as one-hot channels, all zero where
    masked; float32 target (classes, size), the code of every position as one-hot channels. It is a function
    of (seed, split, i) alone. A drawn item takes 2 size + 4 colours bytes. Source: the Color Code dataset,
    Courtois et al. 2022, section 3.3.
    """

    def __init__(self, design: Design, split: str, seed: int, length: int) -> None:
        super().__init__(split, seed, length)
        self.design = design
        self.parts = Assignments(
            np.empty((length, design.colours, 3), np.uint8),
            np.empty((length, design.colours), np.uint8),
            np.empty((length, design.size), np.uint8),
            np.empty((length, design.size), np.bool_),
        )

    def draw(self, keys: Words) -> Assignments:
        return draw_assignments(self.design, keys)

    def assemble_items(self, *parts: Tensor) -> Item:
        """Return inputs (batch, 3 + classes, size) and targets (batch, classes, size)."""
        palette, codes, colour, masked = parts
        item, colour_index = torch.arange(len(colour), device=colour.device)[:, None], colour.long()
        rgb = palette[item, colour_index].float() / (LEVELS - 1)
        truth = functional.one_hot(codes[item, colour_index].long(), self.design.classes).float()
        inputs = torch.cat([rgb, truth * ~masked[..., None]], dim=2)
        return inputs.mT, truth.mT
