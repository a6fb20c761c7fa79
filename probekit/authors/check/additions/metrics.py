"""Checks of a metric for another package's probe: its direction, what it depends on, and its numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probekit.authors.check.additions.fixture import NEW_NAME, MetricFixture
from probekit.authors.check.base import fail
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.probes.metrics import (
    constant_output_scores_near_chance,
    random_outputs,
    scores_items_one_by_one,
    scores_stay_within_bounds,
    targets_score_perfect,
    wrong_answers_score_worse,
)
from probekit.runs.rng import seed_rng
from probekit.scores.score import evaluate_metric

if TYPE_CHECKING:
    from torch import Tensor

LARGE = 1e4
"""A factor by which outputs of a network that diverges are larger than usual."""


def declares_a_metric(fixture: MetricFixture) -> None:
    """It makes a Metric with a name that the probe has not, a direction, and a finite perfect score."""
    probe = fixture.host.probe
    metric = fixture.make_metric(probe)
    names = {other.name for other in probe.metrics}
    gaps = {other.gap for other in probe.metrics if other.gap}
    if metric.name in names | gaps:
        fail(f"the probe has a metric called {metric.name}", NEW_NAME)
    if metric.gap and metric.gap in names | gaps | {metric.name}:
        fail(f"its gap is called {metric.gap}, as a number of the probe is", "Give `gap` another name.")
    if metric.better not in ("higher", "lower"):
        fail(f"`better` is {metric.better!r}", 'Write "higher" or "lower".')
    low, high = (bound if bound is not None else metric.perfect for bound in metric.bounds)
    if not math.isfinite(metric.perfect) or not low <= metric.perfect <= high:
        fail(
            f"`perfect` is {metric.perfect}, and its bounds are {metric.bounds}",
            "Set `perfect` to the score of right answers, within the bounds.",
        )


def scores_any_network(fixture: MetricFixture) -> None:
    """For outputs of any size it gives each item a finite number; NaN for an item depends on no output."""
    import torch

    (metric,) = fixture.probe.metrics
    inputs, targets = fixture.items("test")
    excluded = evaluate_metric(metric, targets, targets, inputs).isnan()
    outputs = random_outputs(fixture, len(inputs))
    for label, output in (
        ("random outputs", outputs),
        ("zeros", torch.zeros_like(outputs)),
        (f"outputs of size {LARGE:g}", LARGE * outputs),
    ):
        scores = evaluate_metric(metric, output, targets, inputs)
        if bool(scores.isinf().any()):
            fail(f"{metric.name} is infinite for {label}", "Bound it, for example with clamp.")
        if not torch.equal(scores.isnan(), excluded):
            fail(
                f"{metric.name} is NaN for other items with {label} than with the targets",
                "Return NaN only for items to which the metric does not apply, whatever the output.",
            )


def scores_twice_the_same(fixture: MetricFixture) -> None:
    """Scored again with another random state, an output has the same scores; nothing is changed in place."""
    import torch

    (metric,) = fixture.probe.metrics
    inputs, targets = fixture.items("test", limit=32)
    outputs = random_outputs(fixture, len(inputs))
    arguments = (outputs, targets, inputs)
    copies = [tensor.clone() for tensor in arguments]
    scores = []
    for seed in (0, 1):
        seed_rng(seed)
        scores.append(evaluate_metric(metric, *arguments))
        if not all(map(torch.equal, arguments, copies)):
            fail(f"{metric.name} changes its arguments in place", "Write y = x * 2 instead of x *= 2.")
    if not is_same(*scores):
        fail(f"{metric.name} of the same outputs differs", "Draw no random numbers.")


def works_at_every_scale(fixture: MetricFixture) -> None:
    """It can be made at each scale of the probe, and scores the items there."""
    for scaled in fixture.scales:
        inputs, targets = scaled.items("test", limit=2)
        (metric,) = scaled.probe.metrics
        evaluate_metric(metric, targets, targets, inputs)
        evaluate_metric(metric, random_outputs(scaled, len(inputs)), targets, inputs)


def is_same(first: Tensor, second: Tensor) -> bool:
    """Return whether scores are equal, NaN where the others are."""
    import torch

    return torch.equal(first.nan_to_num(), second.nan_to_num()) and torch.equal(first.isnan(), second.isnan())


ADDED_METRIC_CHECKS = (
    declares_a_metric,
    targets_score_perfect,
    wrong_answers_score_worse,
    scores_stay_within_bounds,
    scores_any_network,
    scores_items_one_by_one,
    constant_output_scores_near_chance,
    scores_twice_the_same,
    works_at_every_scale,
    plugin_imports_no_torch,
)
