"""Solvers that remember parts of an item: means, neighbours, and a codebook of fixed cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.in_item.solver import InItem

if TYPE_CHECKING:
    from torch import Tensor


class NearestCentroid(InItem):
    """Answers with the class whose mean features are nearest."""

    name = "nearest class mean in the item"
    lacks = "It keeps only the mean features of each class."

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        counts = shown.sum(1)[..., None]
        means = shown.mT @ features / counts.clamp(min=1)
        distances = torch.cdist(features, means)
        return -distances.where(counts.mT > 0, torch.full_like(distances, 1e9))


class NearestNeighbour(InItem):
    """Answers with the answer of the nearest position that shows one."""

    name = "nearest neighbour in the item"
    lacks = "It compares positions by their features alone, one pair at a time."

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
        is_hidden = shown.sum(2) == 0
        nearest = distances.masked_fill(is_hidden[:, None], 1e9).argmin(2)
        return shown.gather(1, nearest[..., None].expand(-1, -1, shown.shape[2]))


class Codebook(InItem):
    """Cuts the features into fixed cells, and answers with the class that a position's cell shows most.

    Args:
        cells: Greatest number of cells.
    """

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.name = f"codebook of {cells} cells"
        self.lacks = f"It tells apart at most {cells} fixed cells of the input."

    def check_features(self, count: int) -> None:
        if 2**count > self.cells:
            raise NotApplicable(f"{count} features need {2**count:,} cells to be cut in two each")

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        count = features.shape[2]
        levels = int(self.cells ** (1 / count) + 1e-9)
        steps = levels ** torch.arange(count)
        cell = ((features * levels).long().clamp(0, levels - 1) * steps).sum(2)
        index = cell[..., None].expand(-1, -1, shown.shape[2])
        votes = shown.new_zeros(len(shown), levels**count, shown.shape[2]).scatter_add(1, index, shown)
        # an empty cell gets the item's most frequent answer
        return votes.gather(1, index) + 1e-3 * shown.mean(1, keepdim=True)
