"""Controls of insideness: a table of patches, and a window that knows the size of the curve."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Dataset, Shape
from probekit.plugin.items import read_batch
from probekit_probes.grids import build_grid_window
from probekit_probes.insideness.sides import is_inverted

FIT_ITEMS = 2048
"""Number of training items that fill the table."""
SIDE, RADIUS = 7, 4


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


class ToldWindow(nn.Module):
    """A window network that also knows whether the picture is inverted, as the size of the curve shows.

    Args:
        window: the network; its last input channel is 1 everywhere if the picture is inverted.
    """

    def __init__(self, window: nn.Module) -> None:
        super().__init__()
        self.window = window

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, (batch, 2, size, size)."""
        told = is_inverted(inputs).to(inputs.dtype)[:, None, None, None]
        return self.window(torch.cat([inputs, told.expand_as(inputs[:, :1])], 1))  # type: ignore[no-any-return]


def build_told_window(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees 9 x 9 pixels and is told whether the picture is inverted."""
    wider = Shape(shape.inputs + 1, shape.outputs, shape.size)
    return ToldWindow(build_grid_window(wider, width=width, radius=RADIUS))
