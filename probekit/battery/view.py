"""A view shows the items of any probe in one form: inputs, targets, and the positions that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Literal

from probekit.plugin.interfaces import Dataset, Metric, Probe
from probekit.plugin.items import read_batch
from probekit.scores.score import EVAL_BATCH_SIZE, evaluate_metric, mean_scores

if TYPE_CHECKING:
    from torch import Tensor

FIT_ITEMS, TEST_ITEMS = 4096, 512
"""Greatest numbers of items that solvers are fitted on and scored on."""
MAX_VALUES = 1 << 27
"""Greatest number of input and target values of a view, so that a view fits into memory."""
MAX_SYMBOLS = 256
VALIDATED_ITEMS = 256
"""How many training items show which positions are scored."""


Rows = tuple["Tensor", ...]
"""Positions: the index of the item and the coordinates, (rows,) int64 each."""


class NotApplicable(Exception):
    """A solver does not apply to the form of a probe; the message says why."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a probe's items, learned from training items.

    Attributes:
        classes: Number of classes; 0 if the targets are numbers.
        outputs: Number of output channels.
        size: Sides of an item.
        codes: Sorted codes of the different inputs at one position; None if there are too many.
        shown_channels: The first and the last (exclusive) of the input channels that show answers, if any.
        centre: The average of numbers that scores best as a constant.
    """

    classes: int
    outputs: int
    size: tuple[int, ...]
    codes: Tensor | None = None
    shown_channels: tuple[int, int] | None = None
    centre: Literal["mean", "median"] = "mean"

    @property
    def symbols(self) -> int:
        """Number of different inputs at one position, one more for all that training did not show."""
        if self.codes is None:
            raise NotApplicable(f"positions hold more than {MAX_SYMBOLS} different inputs")
        return len(self.codes) + 1


@dataclass(frozen=True)
class View:
    """Some items of one split.

    Attributes:
        inputs: (items, channels, *size) float32.
        targets: One-hot classes or numbers, (items, outputs, *size) float32.
        scored: The positions that the metric counts, (items, *size) bool.
        form: The form of the items.
        raw_targets: The targets as the probe gives them.
    """

    inputs: Tensor
    targets: Tensor
    scored: Tensor
    form: Form
    raw_targets: Tensor

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
        item, *position = rows
        labels = self.targets[(item, slice(None), *position)]
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
        parts = (part[items] for part in (self.inputs, self.targets, self.scored))
        inputs, targets, scored = parts
        return View(inputs, targets, scored, self.form, self.raw_targets[items])

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
        item, *position = self.rows
        if self.form.classes:
            answers = functional.one_hot(answers.long(), self.form.classes)
        output[(item, slice(None), *position)] = answers.float()
        return output

    def score_answers(self, answers: Tensor, metric: Metric) -> float | None:
        """Return the mean score of answers at the scored positions."""
        return self.score_output(self.place_answers(answers), metric)

    def score_output(self, output: Tensor, metric: Metric) -> float | None:
        """Return the mean score of an output, (items, outputs, *size)."""
        return mean_scores({"": score_each(self, output, metric)})[""]


def encode_inputs(inputs: Tensor) -> Tensor:
    """Return a number for the channels of each position, (items, *size) int64, different for different inputs."""
    import torch

    weights = torch.rand(inputs.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixed = torch.tensordot(inputs.double(), weights, dims=([1], [0]))
    return (mixed * 1e9).round().long()


def score_each(view: View, output: Tensor, metric: Metric) -> Tensor:
    """Return the score of each item, (items,)."""
    import torch

    slices = split_range(len(view))
    return torch.cat(
        [
            evaluate_metric(metric, output[part], view.raw_targets[part], view.inputs[part])
            for part in slices
        ]
    )


def split_range(count: int) -> Iterator[slice]:
    """Yield slices of evaluation batches."""
    return (slice(start, start + EVAL_BATCH_SIZE) for start in range(0, count, EVAL_BATCH_SIZE))


def limit_items(probe: Probe, data: Dataset, items: int) -> int:
    """Return how many items of a split a view has: at most `items`, fewer if items are large."""
    values = (probe.shape.inputs + probe.shape.outputs) * prod(probe.shape.size)
    return max(1, min(items, len(data), MAX_VALUES // values))


def view_probe(
    probe: Probe, metric: Metric, fit_items: int = FIT_ITEMS, test_items: int = TEST_ITEMS
) -> tuple[View, View]:
    """Return views of training and test items.

    Args:
        probe: The probe.
        metric: The metric that decides which positions are scored.
        fit_items: Greatest number of training items.
        test_items: Greatest number of test items.

    Raises:
        NotApplicable: The targets have no answer at each position.
    """
    import torch

    views = []
    form: Form | None = None
    for split, limit in (("train", fit_items), ("test", test_items)):
        data = probe.data(split, 0)  # type: ignore[arg-type]
        inputs, raw = read_batch(data, range(limit_items(probe, data, limit)))
        targets = raw
        if raw.ndim == inputs.ndim - 1 and not raw.is_floating_point():
            targets = torch.nn.functional.one_hot(raw.long(), probe.shape.outputs).movedim(-1, 1)
        if targets.shape[2:] != inputs.shape[2:] or targets.ndim != inputs.ndim:
            raise NotApplicable(f"targets have shape {tuple(raw.shape)}, not (items, outputs, *size)")
        targets = targets.float()
        form = form or learn_form(inputs, targets)
        scored = targets.sum(1) > 0 if form.classes else torch.ones_like(targets[:, 0], dtype=torch.bool)
        views.append(View(inputs, targets, scored, form, raw))
    train = choose_centre(restrict_scored(views[0], probe, metric, views[0]), metric)
    test = restrict_scored(views[1], probe, metric, views[0])
    return train, replace(test, form=train.form)


def learn_form(inputs: Tensor, targets: Tensor) -> Form:
    """Learn the form of items from training items."""
    total = targets.sum(1)
    is_binary = bool(((targets == 0) | (targets == 1)).all())
    is_classes = targets.shape[1] > 1 and is_binary and bool((total <= 1).all()) and bool(total.any())
    codes = encode_inputs(inputs).unique()
    return Form(
        targets.shape[1] if is_classes else 0,
        targets.shape[1],
        tuple(inputs.shape[2:]),
        codes if len(codes) <= MAX_SYMBOLS else None,
        find_shown_channels(inputs, targets) if is_classes else None,
    )


def find_shown_channels(inputs: Tensor, targets: Tensor) -> tuple[int, int] | None:
    """Find input channels that show, at some positions, the one-hot answer.

    Where the target has answers everywhere, they must agree with it. Where it has answers at the masked
    positions only, they must be empty there.
    """
    classes = targets.shape[1]
    has_answer = targets.sum(1) > 0
    for start in range(inputs.shape[1] - classes, -1, -1):
        block = inputs[:, start : start + classes]
        total = block.sum(1)
        if not bool(((block == 0) | (block == 1)).all() & (total <= 1).all() & total.any()):
            continue
        is_shown = total > 0
        both = is_shown & has_answer
        if bool(both.all()):
            continue
        agrees = bool(((block * targets).sum(1) == total)[both].all())
        if agrees and bool((is_shown & ~both).any() | both.any()):
            return start, start + classes
    return None


def restrict_scored(view: View, probe: Probe, metric: Metric, train: View) -> View:
    """Return a view that counts as scored the fewest positions of which the metric is known to use no others.

    Candidates come from an optional method `scored(inputs, targets)` of the probe, the shown answers, the
    difficulty axis, and the derivative of the metric. A candidate holds if the metric stays perfect when the
    answers at all other positions are wrong.
    """
    sample = train.select(slice(VALIDATED_ITEMS))
    names = [name for name in SCORED_RULES if is_valid_mask(sample, metric, find_mask(name, sample, probe, metric))]
    masks = [find_mask(name, sample, probe, metric) for name in names]
    if not masks:
        return view
    _, best = min((int(mask.sum()), name) for mask, name in zip(masks, names, strict=True) if mask is not None)
    pieces = [find_mask(best, view.select(part), probe, metric) for part in split_range(len(view))]
    import torch

    return replace(view, scored=torch.cat([piece for piece in pieces if piece is not None]))


SCORED_RULES = ("declared", "not shown", "axis", "axis score", "derivative")


def find_mask(rule: str, view: View, probe: Probe, metric: Metric) -> Tensor | None:
    """Return the positions that a rule takes to be scored, (items, *size) bool; None if it does not apply."""
    import torch

    axis = getattr(probe, "axis", None)
    values: Tensor | None = None
    if rule == "declared" and hasattr(probe, "scored"):
        values = probe.scored(view.inputs, view.raw_targets)
    elif rule == "not shown" and view.form.shown_channels is not None:
        values = view.split_shown()[1].sum(1) == 0
    elif rule == "axis" and axis is not None:
        values = ~axis.difficulty(view.inputs, view.raw_targets).isnan()
    elif rule == "axis score" and axis is not None:
        values = ~axis.score(view.targets, view.raw_targets, view.inputs).isnan()
    elif rule == "derivative" and not view.form.classes:
        noise = torch.rand(view.targets.shape, generator=torch.Generator().manual_seed(0))
        output = (view.targets + noise + 0.5).requires_grad_()
        score = metric.score(output, view.raw_targets, view.inputs)
        if score.requires_grad:
            score.nansum().backward()  # type: ignore[no-untyped-call]
            assert output.grad is not None
            values = (output.grad != 0).any(1)
    if values is None or values.shape != view.scored.shape:
        return None
    return values.bool() & view.scored


def is_valid_mask(view: View, metric: Metric, mask: Tensor | None) -> bool:
    """Tell whether the metric stays perfect when the answers outside a mask are wrong."""
    if mask is None or not bool(mask.any()):
        return False
    wrong = view.targets.roll(1, 1) if view.form.classes else view.targets + 1
    output = view.targets.where(mask[:, None], wrong)
    scores = score_each(view, output, metric)
    return bool(((scores - metric.perfect).abs()[~scores.isnan()] < 1e-6).all())


def choose_centre(view: View, metric: Metric) -> View:
    """Return a view whose form names the average of numbers that scores best as a constant."""
    if view.form.classes:
        return view
    sample = view.select(slice(TEST_ITEMS))
    labels = sample.labels
    scores = {
        name: sample.score_answers(values.expand_as(labels), metric)
        for name, values in (("mean", labels.mean(0)), ("median", labels.median(0).values))
    }
    sign = -1 if metric.better == "lower" else 1
    best = max(scores, key=lambda name: sign * (scores[name] if scores[name] is not None else -sign * 1e30))
    return replace(view, form=replace(view.form, centre="median" if best == "median" else "mean"))
