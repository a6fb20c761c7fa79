"""A readout describes an item by a row of numbers, and gives all its positions the same answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from probekit.battery.form import Form, NotApplicable
from probekit.battery.solver import Solver
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 4096
"""Greatest number of positions that a readout learns from."""
MAX_COLUMNS = 4096
"""Greatest number of values of an item that are read one by one."""
SINGLE_VALUES = 4
"""Up to so many times as many values as bins are told apart; more are cut into bins."""


class Readout(Solver):
    """Answers from numbers that describe the whole item."""

    light = True

    def fit(self, train: View) -> None:
        rows = train.sample_rows(ROWS)
        self.learn(self.read_numbers(train)[rows[0]], train.read_labels(rows), train.form)

    def predict(self, view: View) -> Tensor:
        return self.answer(self.read_numbers(view))[view.rows[0]]

    @abstractmethod
    def read_numbers(self, view: View) -> Tensor:
        """Return what describes each item, (items, numbers)."""

    @abstractmethod
    def learn(self, numbers: Tensor, labels: Tensor, form: Form) -> None:
        """Learn labels from numbers (rows, numbers); labels as of `View.labels`."""

    @abstractmethod
    def answer(self, numbers: Tensor) -> Tensor:
        """Return the label of each item: classes (items,) int64, or numbers (items, outputs)."""


def read_values(view: View) -> Tensor:
    """Return the symbol at each position, or the channels if there are too many symbols, (items, values).

    Raises:
        NotApplicable: An item has too many values.
    """
    values = view.inputs if view.form.codes is None else view.tokens
    flat = values.flatten(1)
    if flat.shape[1] > MAX_COLUMNS:
        raise NotApplicable(f"an item has {flat.shape[1]:,} values, more than {MAX_COLUMNS:,}")
    return flat


def choose_edges(column: Tensor, bins: int) -> Tensor:
    """Return the edges that cut a column into bins: its single values, or parts of equal size.

    Args:
        column: Numbers, (rows,).
        bins: Number of parts of equal size.
    """
    import torch

    values: Tensor = torch.unique(column)
    if len(values) <= SINGLE_VALUES * bins:
        return (values[1:] + values[:-1]) / 2
    shares = torch.arange(1, bins) / bins
    edges: Tensor = torch.unique(column.quantile(shares, interpolation="lower"))
    return edges[edges < values[-1]]
