"""A view shows the items of any probe in one form: inputs, targets, and the positions that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from probekit.battery.form import Form, NotApplicable, encode_inputs
from probekit.plugin.interfaces import Metric
from probekit.scores.score import EVAL_BATCH_SIZE, evaluate_metric, mean_scores

if TYPE_CHECKING:
    from torch import Tensor

Rows = tuple["Tensor", ...]
"""Positions: the index of the item and the coordinates, (rows,) int64 each."""


@dataclass(frozen=True)
class View:
    """Some items of one split.

    Attributes:
        inputs: (items, channels, *size) float32.
        targets: One-hot classes or numbers, (items, outputs, *size) float32.
        scored: The positions that the metric counts, (items, *size) bool.
        form: The form of the items.
        raw_targets: The targets as the probe gives them.
        numbers: The number of each item in its split, (items,) int64.
        split_length: Number of items of the split.
    """

    inputs: Tensor
    targets: Tensor
    scored: Tensor
    form: Form
    raw_targets: Tensor
    numbers: Tensor
    split_length: int

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def rows(self) -> Rows:
        """The item and the coordinates of each scored position, (rows,) each."""
        return self.scored.nonzero(as_tuple=True)

    @cached_property
    def labels(self) -> Tensor:
        """The class of each scored position, (rows,) int64; or its numbers, (rows, outputs)."""
        return self.read_labels(self.rows)

    def read_labels(self, rows: Rows) -> Tensor:
        """Return the class at each row, (rows,) int64; or its numbers, (rows, outputs)."""
        labels = self.targets.movedim(1, -1)[rows]
        return labels.argmax(1) if self.form.classes else labels

    def sample_rows(self, limit: int) -> Rows:
        """Return at most `limit` scored positions, drawn at random."""
        import torch

        count = len(self.rows[0])
        if count <= limit:
            return self.rows
        index = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:limit]
        return tuple(column[index] for column in self.rows)

    @cached_property
    def tokens(self) -> Tensor:
        """The symbol at each position, (items, *size) int64.

        Raises:
            NotApplicable: There are too many different inputs.
        """
        import torch

        unseen = self.form.symbols - 1
        codes = encode_inputs(self.inputs)
        assert self.form.codes is not None
        index = torch.searchsorted(self.form.codes, codes).clamp(max=unseen - 1)
        return torch.where(self.form.codes[index] == codes, index, unseen)

    def select(self, items: slice) -> View:
        """Return a view of some of the items."""
        names = ("inputs", "targets", "scored", "raw_targets", "numbers")
        return replace(self, **{name: getattr(self, name)[items] for name in names})

    def split_shown(self) -> tuple[Tensor, Tensor]:
        """Split the inputs into what describes a position and the answers that it shows.

        Returns:
            Features (items, features, *size) and one-hot answers (items, classes, *size), zero if not shown.

        Raises:
            NotApplicable: The inputs show no answers.
        """
        import torch

        if self.form.shown_channels is None:
            raise NotApplicable("the inputs show no answers of the item")
        start, stop = self.form.shown_channels
        features = torch.cat([self.inputs[:, :start], self.inputs[:, stop:]], 1)
        return features, self.inputs[:, start:stop]

    def place_answers(self, answers: Tensor) -> Tensor:
        """Return answers at the scored positions as an output, (items, outputs, *size) float32.

        Args:
            answers: classes (rows,) int64, or numbers (rows, outputs).
        """
        from torch.nn import functional

        output = self.targets.new_zeros(self.targets.shape)
        if self.form.classes:
            answers = functional.one_hot(answers.long(), self.form.classes)
        output.movedim(1, -1)[self.rows] = answers.float()
        return output

    def score_answers(self, answers: Tensor, metric: Metric) -> float | None:
        """Return the mean score of answers at the scored positions."""
        return self.score_output(self.place_answers(answers), metric)

    def score_output(self, output: Tensor, metric: Metric) -> float | None:
        """Return the mean score of an output, (items, outputs, *size)."""
        return mean_scores({"": score_each(self, output, metric)})[""]


def score_each(view: View, output: Tensor, metric: Metric) -> Tensor:
    """Return the score of each item, (items,)."""
    import torch

    slices = split_range(len(view))
    if view.form.pooled:
        output = output.flatten(2)[..., 0]
    return torch.cat(
        [evaluate_metric(metric, output[part], view.raw_targets[part], view.inputs[part]) for part in slices]
    )


def split_range(count: int) -> Iterator[slice]:
    """Yield slices of evaluation batches."""
    return (slice(start, start + EVAL_BATCH_SIZE) for start in range(0, count, EVAL_BATCH_SIZE))
