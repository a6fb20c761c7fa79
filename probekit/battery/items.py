"""The training and test items of a probe, as views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from probekit.battery.form import Form, NotApplicable, learn_form
from probekit.battery.scored import VALIDATED_ITEMS, choose_rule, restrict_scored
from probekit.battery.view import View
from probekit.plugin.errors import name_culprit
from probekit.plugin.interfaces import Dataset, Metric, Probe
from probekit.plugin.items import read_batch
from probekit.scores.score import better_score

FIT_ITEMS, TEST_ITEMS = 4096, 512
"""Greatest numbers of items that solvers are fitted on and scored on."""
MAX_VALUES = 1 << 27
"""Greatest number of input and target values of a view, so that a view fits into memory."""
MAX_TEST_POSITIONS = 1 << 18
"""Greatest number of test positions, so that a solver takes seconds."""


def view_probe(
    probe: Probe, metric: Metric, fit_items: int = FIT_ITEMS, test_items: int = TEST_ITEMS
) -> tuple[View, View]:
    """Return views of training and test items.

    Half of the training items are the first ones, the others come from the whole split, as all test items do.

    Args:
        probe: The probe.
        metric: The metric that decides which positions are scored.
        fit_items: Greatest number of training items.
        test_items: Greatest number of test items.

    Raises:
        NotApplicable: The targets have no answer at each position.
    """
    positions = prod(probe.shape.size)
    most = max(1, MAX_VALUES // ((probe.shape.inputs + probe.shape.outputs) * positions))
    with name_culprit("its method `data`"):
        train_data, test_data = probe.data("train", 0), probe.data("test", 0)
    train_count = min(fit_items, most, len(train_data))
    test_count = min(test_items, most, len(test_data), max(1, MAX_TEST_POSITIONS // positions))
    first = train_count if train_count == len(train_data) else train_count - train_count // 2
    train_indices = [*range(first), *spread_indices(first, len(train_data), train_count - first)]
    train = read_view(probe, train_data, train_indices, None)
    test = read_view(probe, test_data, spread_indices(0, len(test_data), test_count), train.form)
    sample = train.select(slice(VALIDATED_ITEMS))
    rule = choose_rule(sample, probe, metric)
    train = choose_centre(restrict_scored(train, rule, probe, metric), metric)
    if not len(train.rows[0]):
        raise NotApplicable("no position of the training items is scored")
    return train, replace(restrict_scored(test, rule, probe, metric), form=train.form)


def spread_indices(start: int, stop: int, count: int) -> range:
    """Return `count` indices at equal distances."""
    step = (stop - start) // max(1, count)
    return range(start, start + step * count, step or 1)


def read_view(probe: Probe, data: Dataset, indices: Sequence[int], form: Form | None) -> View:
    """Return a view of some items; their form is learned from them if it is None."""
    import torch

    with name_culprit("drawing its items"):
        inputs, raw = read_batch(data, indices)
    targets, is_pooled = raw, probe.shape.pooled
    if raw.ndim == (1 if is_pooled else inputs.ndim - 1) and not raw.is_floating_point():
        targets = torch.nn.functional.one_hot(raw.long(), probe.shape.outputs).movedim(-1, 1)
    first = torch.zeros(inputs.shape[2:], dtype=torch.bool)
    if is_pooled and targets.ndim == 2:  # solvers answer at positions: the first one stands for the item
        first.view(-1)[0] = True
        targets = targets.view(*targets.shape, *[1] * first.ndim) * first
    if targets.ndim != inputs.ndim or targets.shape[2:] != inputs.shape[2:]:
        raise NotApplicable(f"targets have shape {tuple(raw.shape)}, not (items, outputs, *size)")
    targets = targets.float()
    form = form or learn_form(inputs, targets, is_pooled)
    scored = targets.sum(1) > 0 if form.classes else (first | (not is_pooled)).expand_as(targets[:, 0])
    return View(inputs, targets, scored, form, raw, torch.tensor(indices), len(data))


def choose_centre(view: View, metric: Metric) -> View:
    """Return a view whose form names the average of numbers that scores best as a constant."""
    if view.form.classes:
        return view
    sample = view.select(slice(TEST_ITEMS))
    labels = sample.labels
    with_mean = sample.score_answers(labels.mean(0).expand_as(labels), metric)
    with_median = sample.score_answers(labels.median(0).values.expand_as(labels), metric)
    if with_median == with_mean or better_score(metric, with_mean, with_median) == with_mean:
        return view
    return replace(view, form=replace(view.form, centre="median"))
