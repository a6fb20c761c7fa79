"""Merging: of two estimates of one picture, levels are taken from one and edges from the other."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SMOOTH = 1e-4
"""The variance, as a share of a whole estimate's, below which nothing counts as an edge."""


def guided(base: Tensor, detail: Tensor, radius: int) -> Tensor:
    """Return `base` with the edges of `detail`: maps (batch, 1, height, width), all of one size.

    The guided filter of He, Sun and Tang, "Guided Image Filtering", TPAMI 2013: within each square of
    2 radius + 1 pixels a side the answer is a multiple of `detail` plus a constant, the nearest to `base`;
    a pixel has the mean of its squares. What scale and shift `detail` comes in does not matter.
    """

    def mean(maps: Tensor) -> Tensor:
        side = 2 * radius + 1
        return functional.avg_pool2d(maps, side, stride=1, padding=radius, count_include_pad=False)

    # without its mean, so that the variance is no difference of two large numbers
    spread, middle = detail.var((1, 2, 3), keepdim=True), detail.mean((1, 2, 3), keepdim=True)
    guide = detail - middle
    low, bottom = mean(guide), mean(base)
    variance = mean(guide * guide) - low * low
    factor = (mean(guide * base) - low * bottom) / (variance + SMOOTH * spread).clamp(min=1e-12)
    return mean(factor) * guide + mean(bottom - factor * low)
