"""The guided filter merges two estimates of one picture: levels of one, edges of the other."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SMOOTH = 1e-4
"""The variance, as a share of a whole estimate's, below which nothing counts as an edge."""


def guided_filter(base: Tensor, detail: Tensor, radius: int) -> Tensor:
    """Return `base` with the edges of `detail` (He, Sun and Tang, "Guided Image Filtering", TPAMI 2013).

    Within each square the answer is a multiple of `detail` plus a constant, the nearest to `base`; a pixel
    has the mean of its squares. The scale and shift of `detail` do not matter.

    Args:
        base: (batch, 1, height, width).
        detail: of the same shape.
        radius: squares have 2 radius + 1 pixels per side.
    """

    def box_mean(maps: Tensor) -> Tensor:
        side = 2 * radius + 1
        return functional.avg_pool2d(maps, side, stride=1, padding=radius, count_include_pad=False)

    # without its mean, so that the variance is no difference of two large numbers
    variance, mean = detail.var((1, 2, 3), keepdim=True), detail.mean((1, 2, 3), keepdim=True)
    guide = detail - mean
    guide_mean, base_mean = box_mean(guide), box_mean(base)
    box_variance = box_mean(guide * guide) - guide_mean * guide_mean
    covariance = box_mean(guide * base) - guide_mean * base_mean
    factor = covariance / (box_variance + SMOOTH * variance).clamp(min=1e-12)
    return box_mean(factor) * guide + box_mean(base_mean - factor * guide_mean)
