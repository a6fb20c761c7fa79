"""The oracle of grouping: it looks up each position's code among the positions of the same colour.

It shares no code with the generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 255


@dataclass(frozen=True, slots=True)
class Reading:
    """The oracle's reading of a batch of inputs.

    Attributes:
        codes: (batch, classes, size) float32, one-hot; the first class where the code is unknown.
        is_shown: whether a position's colour shows a code anywhere, (batch, size) bool.
        masked: positions that show no code, (batch, size) bool.
        is_consistent: whether no colour shows two codes, (batch,) bool.
        distance: least distance of two different colours of an item, in the channel where they differ most,
            of 255 levels, (batch,) float32; infinite if there is only one colour.
    """

    codes: Tensor
    is_shown: Tensor
    masked: Tensor
    is_consistent: Tensor
    distance: Tensor


def read_codes(inputs: Tensor) -> Reading:
    """Read the codes of inputs.

    Args:
        inputs: float32 (batch, 3 + classes, size), RGB in [0, 1] and one-hot codes, zero where masked.
    """
    colours, codes_shown = (inputs[:, :3] * LEVELS).round(), inputs[:, 3:]
    distances = torch.cdist(colours.mT.contiguous(), colours.mT.contiguous(), p=torch.inf)
    same_colour = distances == 0
    votes = codes_shown @ same_colour.float()
    codes = functional.one_hot(votes.argmax(1), codes_shown.shape[1]).mT.float()
    return Reading(
        codes,
        is_shown=(votes > 0).any(1),
        masked=(codes_shown == 0).all(1),
        is_consistent=((votes > 0).sum(1) <= 1).all(1),
        distance=distances.masked_fill(same_colour, torch.inf).flatten(1).amin(1),
    )
