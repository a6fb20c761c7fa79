"""Controls of nonlocality: solvers that see one pixel, a small window or nothing; they set the floor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit.plugin.interfaces import Dataset, Shape
from probekit.plugin.items import read_batch
from probekit_probes.nonlocality.palette import RGB, palette_indices

BLOCK = 512
DEPTHS = 11


def count_colour_depths(dataset: Dataset) -> Tensor:
    """Count the pixels of each colour at each depth, (11, 11) int64."""
    counts = torch.zeros(len(RGB) * DEPTHS, dtype=torch.int64)
    for start in range(0, len(dataset), BLOCK):
        images, depths = read_batch(dataset, range(start, min(start + BLOCK, len(dataset))))
        level = (depths[:, 0] * DEPTHS).round().long() - 1
        counts += torch.bincount((palette_indices(images) * DEPTHS + level).flatten(), minlength=len(counts))
    return counts.view(len(RGB), DEPTHS)


def median_depth(counts: Tensor) -> Tensor:
    """Return the median depth of counts (..., 11), the constant of least absolute error, (...) float32."""
    cumulative = counts.cumsum(-1)
    return ((cumulative * 2 < cumulative[..., -1:]).sum(-1) + 1) / DEPTHS


class Constant:
    """Answers with the median depth of the rectangles: the best solver that ignores the image."""

    def fit(self, dataset: Dataset) -> None:
        """Count the depths of the rectangles' pixels."""
        self.depth = median_depth(count_colour_depths(dataset)[1:].sum(0))

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.depth.to(inputs.device).expand_as(inputs[:, :1])


class ColourMedian:
    """Answers with the median depth of each colour: the best solver that sees one pixel.

    A colour that training never showed gets the median depth of all rectangles.
    """

    def fit(self, dataset: Dataset) -> None:
        """Count the depths of each colour's pixels."""
        counts = count_colour_depths(dataset)
        unseen = counts.sum(-1, keepdim=True) == 0
        self.depths = median_depth(torch.where(unseen, counts[1:].sum(0), counts))

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.depths.to(inputs.device)[palette_indices(inputs)].unsqueeze(1)


def build_image_window(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees a window of one eighth of each side (made odd) and nothing beyond it."""
    sides = [(side // 8) | 1 for side in shape.size]
    return nn.Sequential(
        nn.Conv2d(shape.inputs, 4 * width, (sides[0], sides[1]), padding=(sides[0] // 2, sides[1] // 2)),
        nn.GELU(),
        nn.Conv2d(4 * width, 4 * width, 1),
        nn.GELU(),
        nn.Conv2d(4 * width, shape.outputs, 1),
    )
