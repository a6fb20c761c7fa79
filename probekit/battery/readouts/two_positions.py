"""A solver that sees two fixed positions of the item and joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery.form import Form, NotApplicable
from probekit.battery.learners import summarise_groups
from probekit.battery.readouts.readout import Readout, choose_edges, read_values
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor

BINS = 4
MAX_CELLS = 1024
"""Greatest number of values of all positions together."""
MAX_CLASSES = 32


class TwoPositions(Readout):
    """Answers by the values at the two fixed positions that tell most together.

    It finds two positions of which neither tells anything alone.
    """

    name = "two positions of the item"
    lacks = "It sees two positions, always the same ones."
    against = ("any property",)

    def read_numbers(self, view: View) -> Tensor:
        return read_values(view)

    def learn(self, numbers: Tensor, labels: Tensor, form: Form) -> None:
        import torch
        from torch.nn import functional

        if not 0 < form.classes <= MAX_CLASSES:
            raise NotApplicable(f"targets are numbers, or more than {MAX_CLASSES} classes")
        columns = numbers.T.float().contiguous()
        self.edges = [choose_edges(column, BINS) for column in columns]
        sizes = [len(edges) + 1 for edges in self.edges]
        if sum(sizes) > MAX_CELLS:
            raise NotApplicable(f"the positions of an item have more than {MAX_CELLS:,} values together")
        cells = self.encode(numbers)
        one_hot = torch.cat(
            [functional.one_hot(cell, size) for cell, size in zip(cells.unbind(1), sizes, strict=True)], 1
        ).float()
        most = torch.zeros(one_hot.shape[1], one_hot.shape[1])
        for label in range(form.classes):
            chosen = one_hot[labels == label]
            most = torch.maximum(most, chosen.T @ chosen)
        owner = torch.repeat_interleave(torch.tensor(sizes))
        by_row = torch.zeros(len(sizes), len(owner)).index_add_(0, owner, most)
        correct = torch.zeros(len(sizes), len(sizes)).index_add_(1, owner, by_row)
        best = int(correct.argmax())
        self.pair = best // len(sizes), best % len(sizes)
        self.size = sizes[self.pair[1]]
        count = sizes[self.pair[0]] * self.size
        self.table = summarise_groups(self.join(cells), count, labels, form)

    def encode(self, numbers: Tensor) -> Tensor:
        """Return the bin of each number, (items, positions) int64."""
        import torch

        columns = numbers.T.float().contiguous()
        pairs = zip(columns, self.edges, strict=True)
        return torch.stack([torch.bucketize(column, edges) for column, edges in pairs], 1)

    def join(self, cells: Tensor) -> Tensor:
        """Return one number for the two positions, (items,)."""
        first, second = self.pair
        return cells[:, first] * self.size + cells[:, second]

    def answer(self, numbers: Tensor) -> Tensor:
        return self.table[self.join(self.encode(numbers))]
