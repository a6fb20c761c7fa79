"""The closed-form control of insideness: a table of training patches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch

FIT_ITEMS = 2048
"""Number of training items that fill the table."""
SIDE = 7


def encode_patches(inputs: Tensor) -> Tensor:
    """Return a number that identifies the 7 x 7 pixels around each pixel, (batch, size, size) int64."""
    curve = functional.pad(inputs[:, 1:], (SIDE // 2,) * 4).double()
    powers = 2.0 ** torch.arange(SIDE**2, dtype=torch.float64, device=inputs.device)
    return functional.conv2d(curve, powers.view(1, 1, SIDE, SIDE)).squeeze(1).long()


class Patch:
    """Answers with the majority over training pixels with the same 7 x 7 patch; outside for a new patch.

    A curve and its counterpart look alike in the middle and have opposite answers there, so no table does
    better than chance, one in two.

    Args:
        middle: rows and columns whose answers count.
    """

    def __init__(self, middle: slice) -> None:
        self.middle = middle

    def fit(self, dataset: Dataset) -> None:
        """Count, for each patch in the middle, how often its pixel is inside."""
        inputs, targets = read_batch(dataset, range(min(FIT_ITEMS, len(dataset))))
        mask = targets.any(1)[:, self.middle, self.middle]
        codes = encode_patches(inputs)[:, self.middle, self.middle][mask]
        inside = targets[:, 1, self.middle, self.middle][mask]
        self.codes, number = torch.unique(codes, return_inverse=True)
        counts = torch.zeros(len(self.codes), 2)
        counts.index_add_(0, number, torch.stack([1 - inside, inside], 1))
        self.inside = counts[:, 1] > counts[:, 0]

    def __call__(self, inputs: Tensor) -> Tensor:
        codes = encode_patches(inputs).cpu()
        index = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        inside = (self.codes[index] == codes) & self.inside[index]
        return torch.stack([~inside, inside], 1).float().to(inputs.device)
