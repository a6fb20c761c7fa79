"""Checks of a probe's metrics and loss: their direction, their bounds, and what they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.probes.data import ProbeFixture
from probekit.scores.score import evaluate_metric, mean_scores

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.plugin.interfaces import Metric

ROUNDING = 1e-6
"""How far a score may deviate because of rounding."""
FITTED_ITEMS, FIT_STEPS, FIT_RATE = 16, 150, 0.1
"""How many items' outputs descend the loss, for how many steps of Adam, at which rate."""
HALF_WAY = 0.5
"""How much of the way to a perfect headline score descending the loss must go."""
CHANCE_MARGIN = 0.1
"""How far from chance a constant output may score, as a share of the distance from chance to perfect."""


def targets_score_perfect(fixture: ProbeFixture) -> None:
    """Each metric scores the targets themselves, used as outputs, with its value `perfect`."""
    probe = fixture.probe
    inputs, targets = fixture.items("test")
    for metric in probe.metrics:
        scores = metric.score(targets, targets, inputs)
        if tuple(scores.shape) != (len(inputs),):
            fail(
                f"{metric.name} returns shape {tuple(scores.shape)}",
                f"Return one number per item: ({len(inputs)},).",
            )
        score = mean_scores({metric.name: scores})[metric.name]
        if score is not None and abs(score - metric.perfect) > ROUNDING:
            fail(
                f"the targets score {score:.6g} in {metric.name}, but its `perfect` is {metric.perfect:g}",
                "Let the metric also accept targets as outputs, for example one-hot channels as logits.",
            )


def scores_stay_within_bounds(fixture: ProbeFixture) -> None:
    """Scores of the targets and of a constant output are finite, and within each metric's `bounds`."""
    inputs, targets = fixture.items("test")
    outputs = (("the targets", targets), ("a constant output", constant_output(fixture, targets)))
    for metric in fixture.probe.metrics:
        for label, output in outputs:
            scores = metric.score(output, targets, inputs).double()
            scores = scores[~scores.isnan()]
            if not bool(scores.isfinite().all()):
                fail(
                    f"{metric.name} is not finite for {label}",
                    "Return NaN for items to which the metric does not apply.",
                )
            if not len(scores):
                continue
            least, most = float(scores.min()), float(scores.max())
            low, high = metric.bounds
            below = low is not None and least < low - ROUNDING
            if below or (high is not None and most > high + ROUNDING):
                fail(
                    f"{metric.name} of {label} is {least:.6g} to {most:.6g}, outside its bounds "
                    f"{metric.bounds}",
                    "Correct `bounds`; use None where there is no bound.",
                )


def constant_output(fixture: ProbeFixture, like: Tensor) -> Tensor:
    """Return the mean target of the training split at every position, in the shape of `like`."""
    _, targets = fixture.items("train")
    return targets.float().mean((0, *range(2, targets.ndim)), keepdim=True).expand_as(like)


def constant_output_scores_near_chance(fixture: ProbeFixture) -> None:
    """The mean target as a constant output scores near `chance`, in each metric that declares it."""
    metrics = [metric for metric in fixture.probe.metrics if metric.chance is not None]
    if not metrics:
        raise DoesNotApply("no metric declares its chance")
    inputs, targets = fixture.items("test")
    output = constant_output(fixture, targets)
    for metric in metrics:
        assert metric.chance is not None
        scores = metric.score(output, targets, inputs).double()
        scores = scores[~scores.isnan()]
        if len(scores) < 2:
            continue
        mean = float(scores.mean())
        standard_error = float(scores.std()) / len(scores) ** 0.5
        margin = CHANCE_MARGIN * abs(metric.perfect - metric.chance) + 3 * standard_error
        if abs(mean - metric.chance) > margin:
            fail(
                f"a constant output scores {mean:.4g} in {metric.name}, but chance is {metric.chance:.4g}",
                "Balance the labels, or correct `chance`.",
            )


def network_outputs_can_be_scored(fixture: ProbeFixture) -> None:
    """For outputs (batch, outputs, *size), the loss is a finite scalar; metrics give a number per item."""
    import torch

    probe = fixture.probe
    inputs, targets = fixture.items("test", limit=8)
    output = torch.randn(len(inputs), probe.shape.outputs, *probe.shape.answer_size, requires_grad=True)
    loss = probe.loss(output, targets)
    if loss.ndim or not bool(loss.isfinite()) or not loss.requires_grad:
        fail(f"the loss of random outputs is {loss.detach()}", "Return a scalar that depends on the outputs.")
    for metric in probe.metrics:
        evaluate_metric(metric, output.detach(), targets, inputs)


def wrong_answers_score_worse(fixture: ProbeFixture) -> None:
    """The targets of other items score worse than the targets; in the headline, a constant output too."""
    inputs, targets = fixture.items("test")
    headline = fixture.probe.metrics[0]
    for metric in fixture.probe.metrics:
        require_worse(metric, "the targets of other items score", targets.roll(1, 0), targets, inputs)
    require_worse(headline, "a constant output scores", constant_output(fixture, targets), targets, inputs)


def require_worse(metric: Metric, subject: str, output: Tensor, targets: Tensor, inputs: Tensor) -> None:
    """Fail if an output scores no worse than the targets, over the items in which it differs from them."""
    differs = (output != targets).flatten(1).any(1)
    score, best = (metric.score(answer, targets, inputs).double()[differs] for answer in (output, targets))
    lost = (best - score).nanmean() * (1 if metric.better == "higher" else -1)
    if lost <= ROUNDING:  # NaN if the metric counts none of these items
        fail(
            f"{subject} {float(score.nanmean()):.4g} in {metric.name}, and the targets "
            f"{float(best.nanmean()):.4g}, but {metric.better} is better",
            "Compare each output with its own target, and set `better` to the direction of right answers.",
        )


def scores_items_one_by_one(fixture: ProbeFixture) -> None:
    """In each metric, the score of an item does not depend on the other items of its batch."""
    import torch

    inputs, targets = fixture.items("test", limit=8)
    outputs = random_outputs(fixture, len(inputs))
    if outputs.shape == targets.shape:  # random ones alone may all score the same
        outputs[::2] = targets[::2]
    for metric in fixture.probe.metrics:
        together = evaluate_metric(metric, outputs, targets, inputs)
        alone = torch.cat(
            [
                evaluate_metric(
                    metric, outputs[item : item + 1], targets[item : item + 1], inputs[item : item + 1]
                )
                for item in range(len(inputs))
            ]
        )
        if not torch.allclose(together.double(), alone.double(), rtol=1e-4, atol=1e-5, equal_nan=True):
            fail(
                f"{metric.name} of an item depends on the other items of its batch",
                "Return one number per item: average over channels and positions, never over dimension 0.",
            )


def descending_the_loss_improves_the_headline(fixture: ProbeFixture) -> None:
    """Outputs that descend the loss come at least half of the way to a perfect headline score."""
    import torch

    probe = fixture.probe
    metric = probe.metrics[0]
    inputs, targets = fixture.items("test", limit=FITTED_ITEMS)
    outputs = (0.01 * random_outputs(fixture, len(inputs))).requires_grad_()
    optimizer = torch.optim.Adam([outputs], FIT_RATE)
    before = score = mean_score(metric, outputs, targets, inputs)
    if before is None or abs(metric.perfect - before) <= ROUNDING:
        raise DoesNotApply("the headline metric counts no item, or random outputs are perfect")
    for step in range(FIT_STEPS):
        optimizer.zero_grad()
        probe.loss(outputs, targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 10 == 9:
            score = mean_score(metric, outputs, targets, inputs)
            if score is not None and (score - before) / (metric.perfect - before) > HALF_WAY:
                return
    fail(
        f"outputs that descend the loss for {FIT_STEPS} steps go from {before:.4g} to {score:.4g} in "
        f"{metric.name}, whose perfect score is {metric.perfect:g}",
        "Check the sign of the loss, the order of its arguments, and that it reads the same channels as "
        "the metric.",
    )


def random_outputs(fixture: ProbeFixture, count: int) -> Tensor:
    """Return random outputs of a network, (count, outputs, *size) float32."""
    import torch

    return torch.randn(count, fixture.probe.shape.outputs, *fixture.probe.shape.answer_size)


def mean_score(metric: Metric, outputs: Tensor, targets: Tensor, inputs: Tensor) -> float | None:
    """Return the mean score of outputs in a metric; None if it counts no item."""
    scores = evaluate_metric(metric, outputs.detach(), targets, inputs)
    return mean_scores({metric.name: scores})[metric.name]


METRIC_CHECKS = (
    targets_score_perfect,
    scores_stay_within_bounds,
    wrong_answers_score_worse,
    scores_items_one_by_one,
    constant_output_scores_near_chance,
    network_outputs_can_be_scored,
    descending_the_loss_improves_the_headline,
)
