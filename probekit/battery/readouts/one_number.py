"""Solvers that see one number of the item: a single position, or a statistic of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.features import item_counts
from probekit.battery.form import Form
from probekit.battery.learners import summarise_groups
from probekit.battery.memory import measure_error
from probekit.battery.readouts.readout import Readout, choose_edges, read_values
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

BINS = 64


class OneNumber(Readout):
    """Answers by the one number of the item that tells most about the training answers."""

    against = ("any property",)

    def learn(self, numbers: Tensor, labels: Tensor, form: Form) -> None:
        import torch

        lowest = float("inf")
        for index, column in enumerate(numbers.T.float().contiguous()):
            edges = choose_edges(column, BINS)
            if not len(edges):
                continue
            cell = torch.bucketize(column, edges)
            table = summarise_groups(cell, len(edges) + 1, labels, form)
            error = measure_error(table[cell], labels)
            if error < lowest:
                lowest, self.index, self.edges, self.table = error, index, edges, table
        if lowest == float("inf"):  # all items are alike
            self.index, self.edges = 0, numbers.new_zeros(0).float()
            self.table = summarise_groups(torch.zeros(len(labels), dtype=torch.int64), 1, labels, form)

    def answer(self, numbers: Tensor) -> Tensor:
        import torch

        return self.table[torch.bucketize(numbers[:, self.index].float().contiguous(), self.edges)]


class OnePosition(OneNumber):
    """Answers by the value at one fixed position."""

    name = "one position of the item"
    lacks = "It sees one position, always the same one."

    def read_numbers(self, view: View) -> Tensor:
        return read_values(view)


class OneStatistic(OneNumber):
    """Answers by one statistic: of a channel, or the count of a symbol."""

    name = "one statistic of the item"
    lacks = "It knows one statistic (mean, median, least, greatest, spread or a count), and no place."

    def read_numbers(self, view: View) -> Tensor:
        import torch

        channels = view.inputs.flatten(2)
        everything = view.inputs.flatten(1)[:, None]
        parts = [part for values in (channels, everything) for part in summarise(values)]
        if view.form.codes is not None:
            parts.append(item_counts(view).float())
        return torch.cat(parts, 1)


def summarise(values: Tensor) -> list[Tensor]:
    """Return statistics of values (items, channels, positions), (items, channels) each."""
    return [
        values.mean(2),
        values.median(2).values,
        values.amin(2),
        values.amax(2),
        values.std(2, correction=0),
    ]
