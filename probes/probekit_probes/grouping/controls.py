"""Controls of grouping: solvers that keep a summary of the item and link no position to another one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Dataset, Shape


class BagOfCodes:
    """Answers with the code that the item shows most often: the best solver that ignores colours."""

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the codes of different items are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        codes = inputs[:, 3:]
        most_frequent = functional.one_hot(codes.sum(2).argmax(1), codes.shape[1])
        return most_frequent.float()[..., None].expand_as(codes)


def build_pointwise(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each position alone, so it is at chance on the masked ones."""
    return nn.Sequential(
        nn.Conv1d(shape.inputs, 4 * width, 1),
        nn.GELU(),
        nn.Conv1d(4 * width, shape.outputs, 1),
    )


class Polynomial:
    """Answers with the codes that a polynomial of the colour predicts, fitted to the shown codes of the item.

    It keeps one weight per monomial and code, however many positions the item has: what pooling of the
    colours' moments can do. There are 4, 10 and 20 monomials of degree 1, 2 and 3.

    Args:
        degree: degree of the polynomial.
        penalty: of the squared weights (ridge regression).
    """

    def __init__(self, degree: int, penalty: float = 1e-3) -> None:
        self.degree, self.penalty = degree, penalty

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: each item is fitted alone."""

    def __call__(self, inputs: Tensor) -> Tensor:
        colours, codes = 2 * inputs[:, :3].double() - 1, inputs[:, 3:].double()
        features = torch.stack(
            [
                colours[:, 0] ** a * colours[:, 1] ** b * colours[:, 2] ** c
                for a, b, c in list_exponents(self.degree)
            ],
            1,
        )
        shown = features * codes.sum(1, keepdim=True)
        gram = shown @ shown.mT + self.penalty * torch.eye(features.shape[1]).to(features)
        weights = torch.linalg.solve(gram, shown @ codes.mT)
        answers: Tensor = (weights.mT @ features).float()
        return answers


def list_exponents(degree: int) -> list[tuple[int, int, int]]:
    """Return the exponents of all monomials of three variables up to a degree, the constant first."""
    return sorted(
        (
            (a, b, c)
            for a in range(degree + 1)
            for b in range(degree + 1 - a)
            for c in range(degree + 1 - a - b)
        ),
        key=sum,
    )


class Cells:
    """Answers with the most frequent code in the colour's cell: a memory with side^3 fixed cells.

    In a cell that shows no code it answers with the most frequent code of the item.

    Args:
        side: number of cells per channel.
    """

    def __init__(self, side: int) -> None:
        self.side = side

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: each item is counted alone."""

    def __call__(self, inputs: Tensor) -> Tensor:
        codes = inputs[:, 3:]
        levels = (inputs[:, :3] * self.side).long().clamp(max=self.side - 1)
        cell = (levels[:, 0] * self.side + levels[:, 1]) * self.side + levels[:, 2]
        same_cell = (cell[:, :, None] == cell[:, None, :]).float()
        item = codes.sum(2, keepdim=True)
        return codes @ same_cell + item / (1 + item.sum(1, keepdim=True))
