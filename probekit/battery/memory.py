"""Solvers that know training items by heart, or only the number of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.learners import summarise_groups
from probekit.battery.solver import Solver
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

PERIODS = range(2, 17)
"""How many cells the numbers of items fall into: in turn, or in blocks of equal length."""


class NearestItem(Solver):
    """Answers with the target of the nearest training item."""

    name = "nearest training item"
    lacks = "It knows training items by heart and generalises to no other."
    against = ("any property",)
    light = True

    def fit(self, train: View) -> None:
        import torch

        self.inputs, self.targets = train.inputs.flatten(1), train.targets
        labels = train.labels
        everything = torch.zeros(len(labels), dtype=torch.int64)
        self.fallback = summarise_groups(everything, 1, labels, train.form)[0]

    def predict(self, view: View) -> Tensor:
        import torch

        nearest = torch.cdist(view.inputs.flatten(1), self.inputs).argmin(1)
        item, *position = view.rows
        labels = self.targets.movedim(1, -1)[(nearest[item], *position)]
        if not view.form.classes:
            return labels
        return labels.argmax(1).where(labels.any(1), self.fallback)


class ItemNumber(Solver):
    """Answers by the number of the item, modulo 2 to 16 or in 2 to 16 parts of the split."""

    name = "number of the item"
    lacks = "It sees no input, only the order in which the items come."
    against = ("any property",)
    light = True

    def fit(self, train: View) -> None:
        import torch

        labels, item = train.labels, train.rows[0]
        lowest = float("inf")
        for in_turn in (True, False):
            for count in PERIODS:
                cell = find_cells(train, count, in_turn)[item]
                if len(torch.unique(cell)) < count:
                    continue
                table = summarise_groups(cell, count, labels, train.form)
                error = measure_error(table[cell], labels)
                if error < lowest:
                    lowest, self.rule, self.table = error, (count, in_turn), table

    def predict(self, view: View) -> Tensor:
        return self.table[find_cells(view, *self.rule)[view.rows[0]]]


def find_cells(view: View, count: int, in_turn: bool) -> Tensor:
    """Return which of `count` cells the number of each item falls into, (items,) int64."""
    return view.numbers % count if in_turn else view.numbers * count // view.split_length


def measure_error(answers: Tensor, labels: Tensor) -> float:
    """Return the mean absolute error, or the share of wrong classes."""
    error = (answers - labels).abs() if labels.is_floating_point() else answers != labels
    return float(error.double().mean())
