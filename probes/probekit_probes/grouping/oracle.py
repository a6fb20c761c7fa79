"""The oracle looks each position's code up among the positions of its colour; it knows no generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 255


@dataclass(frozen=True, slots=True)
class Reading:
    """What the oracle found in a batch of inputs.

    codes: (batch, classes, size) float32, one-hot; the first class where nothing is known. told: whether a
    position's colour shows a code anywhere, (batch, size) bool. masked: (batch, size) bool. agreed: no colour
    shows two codes, (batch,) bool. distance: the least of two different colours of an item, of 255 levels, in
    the channel in which they differ most, (batch,) float32; infinite where there is one colour.
    """

    codes: Tensor
    told: Tensor
    masked: Tensor
    agreed: Tensor
    distance: Tensor


def read(inputs: Tensor) -> Reading:
    """Read float32 inputs (batch, 3 + classes, size): RGB in [0, 1] and one-hot codes, zero where masked."""
    colours, shown = (inputs[:, :3] * LEVELS).round(), inputs[:, 3:]
    apart = torch.cdist(colours.mT.contiguous(), colours.mT.contiguous(), p=torch.inf)
    alike = apart == 0
    votes = shown @ alike.float()
    codes = functional.one_hot(votes.argmax(1), shown.shape[1]).mT.float()
    return Reading(
        codes,
        told=(votes > 0).any(1),
        masked=(shown == 0).all(1),
        agreed=((votes > 0).sum(1) <= 1).all(1),
        distance=apart.masked_fill(alike, torch.inf).flatten(1).amin(1),
    )
