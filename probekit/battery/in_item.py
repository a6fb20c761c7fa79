"""Solvers that learn inside each item, from the answers that it shows: regression, neighbours, codebooks."""

from __future__ import annotations

from abc import abstractmethod
from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.solver import Solver
from probekit.battery.view import View, split_range

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-6
"""Weight of the penalty, relative to the number of shown positions."""
MAX_TERMS = 100
MAX_CELLS = 512


class InItem(Solver):
    """A solver that answers each position from the answers that its own item shows."""

    against = ("grouping", "recall", "binding")
    light = True

    def fit(self, train: View) -> None:
        features = train.split_shown()[0]
        if not features.shape[1]:
            raise NotApplicable("the inputs are the shown answers and nothing more")
        flat = features.movedim(1, -1).flatten(0, -2)
        self.low, self.high = flat.min(0).values, flat.max(0).values
        self.check_features(features.shape[1])

    def check_features(self, count: int) -> None:
        """Raise NotApplicable if there are too many features."""

    def predict(self, view: View) -> Tensor:
        import torch

        features, shown = view.split_shown()
        scale = (self.high - self.low).clamp(min=1e-9)
        features = (features.movedim(1, -1) - self.low) / scale
        features, shown = features.flatten(1, -2), shown.movedim(1, -1).flatten(1, -2)
        answers = [self.score_classes(features[part], shown[part]) for part in split_range(len(view))]
        classes = torch.cat(answers).argmax(2).view(view.scored.shape)
        return classes[view.rows]

    @abstractmethod
    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return how well each class fits each position, (items, positions, classes).

        Args:
            features: what describes each position, in [0, 1], (items, positions, features).
            shown: one-hot answers, (items, positions, classes), zero where none is shown.
        """


class Regression(InItem):
    """Regresses the answer on a polynomial of the features.

    Args:
        degree: Degree of the polynomial.
    """

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.name = f"regression in the item, degree {degree}"
        self.lacks = f"It keeps one polynomial of degree {degree} per class and item."

    def check_features(self, count: int) -> None:
        terms = prod(range(count + 1, count + self.degree + 1)) // prod(range(1, self.degree + 1))
        if terms > MAX_TERMS:
            raise NotApplicable(f"a polynomial of {count} features has {terms:,} terms, over {MAX_TERMS}")

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        columns = features.double().unbind(2)
        terms = [torch.ones_like(columns[0])]
        for degree in range(1, self.degree + 1):
            for chosen in combinations_with_replacement(columns, degree):
                terms.append(torch.stack(chosen).prod(0))
        powers = torch.stack(terms, 2)
        is_shown = shown.sum(2, keepdim=True).double()
        weighted = powers * is_shown
        penalty = RIDGE * is_shown.sum(1, keepdim=True).clamp(min=1) * torch.eye(len(terms)).double()
        solution = torch.linalg.solve(weighted.mT @ powers + penalty, weighted.mT @ shown.double())
        fitted: Tensor = powers @ solution
        return fitted


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
