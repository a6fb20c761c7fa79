"""Solvers that see next to nothing: one answer for all, or the answer that the item shows most often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.features import count_tokens
from probekit.battery.form import NotApplicable
from probekit.battery.solver import Solver
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor


class Mode(Solver):
    """Answers everywhere with the most frequent class, or the most frequent number."""

    name = "mode"
    lacks = "It does not see the input."
    against = ("any property",)
    light = True

    def fit(self, train: View) -> None:
        import torch

        values, counts = torch.unique(train.labels, dim=0, return_counts=True)
        self.answer: Tensor = values[counts.argmax()]

    def predict(self, view: View) -> Tensor:
        return self.answer.expand_as(view.labels)


class MostFrequentAnswer(Solver):
    """Answers everywhere with the answer that the item shows most often."""

    name = "most frequent answer of the item"
    lacks = "It links no position to another: all positions get the same answer."
    against = ("grouping", "recall", "selective memory", "binding")
    light = True

    def fit(self, train: View) -> None:
        self.token_of_class = None if train.form.shown_channels else match_tokens(train)

    def predict(self, view: View) -> Tensor:
        if self.token_of_class is None:
            counts = view.split_shown()[1].flatten(2).sum(2)
        else:
            counts = count_tokens(view.tokens, view.form.symbols)[:, self.token_of_class]
        return counts.argmax(1)[view.rows[0]]


def match_tokens(train: View) -> Tensor:
    """Return the token that stands for each class, (classes,) int64: the one that occurs with it most.

    Raises:
        NotApplicable: The items are not sequences of tokens with classes as answers.
    """
    import torch

    if not train.form.classes:
        raise NotApplicable("targets are numbers, so no token stands for an answer")
    counts = count_tokens(train.tokens, train.form.symbols)
    has_class = (train.targets * train.scored[:, None]).flatten(2).any(2)
    correlation = torch.maximum(correlate(has_class, counts), correlate(has_class, counts > 0))
    if float(correlation.max()) < MIN_CORRELATION:
        raise NotApplicable("no token occurs more often with one answer than with others")
    return correlation.argmax(1).to(torch.int64)


def correlate(first: Tensor, second: Tensor) -> Tensor:
    """Return the correlation of each column of one table with each of another, (columns, columns)."""
    centred = [table.double() - table.double().mean(0) for table in (first, second)]
    scaled = [table / table.square().sum(0).sqrt().clamp(min=1e-9) for table in centred]
    return scaled[0].T @ scaled[1]


MIN_CORRELATION = 0.1
"""Least correlation, over items, of a class and the token that stands for it."""
