"""Solvers that regress the answers that an item shows on a few functions of its inputs."""

from __future__ import annotations

from abc import abstractmethod
from itertools import combinations_with_replacement
from math import prod, tau
from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.in_item.solver import InItem

if TYPE_CHECKING:
    from torch import Tensor

MAX_TERMS = 100
FREQUENCY = 40.0
"""Spread of the waves' frequencies: inputs that differ by a fortieth of their range get unlike waves."""


class RidgeRegression(InItem):
    """Regresses the answer on functions of the features, by ridge regression.

    Attributes:
        penalty: Of the squared weights, relative to the number of shown positions.
    """

    penalty: float

    @abstractmethod
    def list_terms(self, features: Tensor) -> Tensor:
        """Return functions of features (items, positions, features), (items, positions, terms) float64."""

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        terms = self.list_terms(features.double())
        is_shown = shown.sum(2, keepdim=True).double()
        weighted = terms * is_shown
        penalty = (
            self.penalty * is_shown.sum(1, keepdim=True).clamp(min=1) * torch.eye(terms.shape[2]).double()
        )
        solution = torch.linalg.solve(weighted.mT @ terms + penalty, weighted.mT @ shown.double())
        fitted: Tensor = terms @ solution
        return fitted


class Regression(RidgeRegression):
    """Regresses the answer on a polynomial of the features.

    Args:
        degree: Degree of the polynomial.
    """

    penalty = 1e-6

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.name = f"regression in the item, degree {degree}"
        self.lacks = f"It keeps one polynomial of degree {degree} per class and item."

    def check_features(self, count: int) -> None:
        terms = prod(range(count + 1, count + self.degree + 1)) // prod(range(1, self.degree + 1))
        if terms > MAX_TERMS:
            raise NotApplicable(f"a polynomial of {count} features has {terms:,} terms, over {MAX_TERMS}")

    def list_terms(self, features: Tensor) -> Tensor:
        import torch

        columns = features.unbind(2)
        terms = [torch.ones_like(columns[0])]
        for degree in range(1, self.degree + 1):
            for chosen in combinations_with_replacement(columns, degree):
                terms.append(torch.stack(chosen).prod(0))
        return torch.stack(terms, 2)


class Waves(RidgeRegression):
    """Regresses the answer on random waves of the features (random Fourier features, Rahimi & Recht 2007).

    The waves are the same in all items.

    Args:
        count: Number of waves.
    """

    penalty = 1e-4

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = f"regression on {count} waves in the item"
        self.lacks = f"It keeps {count} sums per class and item, whatever the number of inputs."

    def list_terms(self, features: Tensor) -> Tensor:
        import torch

        generator = torch.Generator().manual_seed(0)
        shape = features.shape[2], self.count
        directions = FREQUENCY * torch.randn(shape, generator=generator, dtype=torch.float64)
        phases = tau * torch.rand(self.count, generator=generator, dtype=torch.float64)
        return (features @ directions + phases).cos()
