"""Checks of a probe: metadata, oracle and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.other_process import same_data_in_another_process
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.probe_data import DATA_CHECKS, ProbeFixture
from probekit.authors.check.probe_floor import controls_fail, resists_shortcuts
from probekit.catalog.expression import resolve_expression
from probekit.plans.golden import list_splits
from probekit.plans.scale import make_probe_at
from probekit.plugin.errors import describe_error
from probekit.plugin.interfaces import Dataset, Split
from probekit.plugin.items import Items
from probekit.scores.difficulty_curve import measure_difficulty_curve
from probekit.scores.pictures import GridRow, draw_grid
from probekit.scores.score import evaluate_metric, mean_scores

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 1e-6
"""How far a score may deviate because of rounding."""
CHANCE_MARGIN = 0.1
"""How far from chance a constant output may score, as a share of the distance from chance to perfect."""


def declares_required_attributes(fixture: ProbeFixture) -> None:
    """It declares a property, an integer version, metrics, scales that work, and a structure."""
    probe = fixture.probe
    if not probe.property or not isinstance(probe.version, int) or not probe.metrics:
        fail(
            f"property is {probe.property!r}, version is {probe.version!r}, and it has "
            f"{len(probe.metrics)} metrics",
            "Set property to a few words, version to an integer, and metrics to at least one metric.",
        )
    names = [metric.name for metric in probe.metrics]
    if len(set(names)) < len(names):
        fail(f"two metrics have the same name: {', '.join(names)}", "Give each metric its own name.")
    for name, scale in fixture.part.target.scales.items():  # type: ignore[attr-defined]
        if (scale.width is None) == (scale.budget is None):
            fail(f"scale {name} sets both or neither of width and budget", "Set exactly one of them.")
        invalid = {metric: value for metric, value in scale.noise.items() if not 0 <= value < float("inf")}
        if invalid:
            fail(
                f"the noise of scale {name} is {invalid}",
                "Noise is a standard deviation: finite and not negative.",
            )
        make_probe_at(fixture.part.name, name, fixture.registry)
    resolve_expression(probe.structure, probe.structure, fixture.registry)


def oracle_is_exact(fixture: ProbeFixture) -> None:
    """From the inputs alone, one or many, the oracle returns exactly the targets."""
    import torch

    probe = fixture.probe
    for split in list_splits(fixture.probe):
        inputs, targets = fixture.items(split)
        answers = probe.oracle(inputs)
        if answers.shape != targets.shape:
            fail(
                f"the oracle returns shape {tuple(answers.shape)}, but targets are {tuple(targets.shape)}",
                "Return the shape of the targets.",
            )
        wrong = int((answers != targets).flatten(1).any(1).sum())
        if wrong:
            fail(
                f"the oracle is wrong on {wrong} of {len(inputs)} items of {split}",
                "Fix the oracle, or remove ambiguous inputs; `probekit certify` draws an example.",
            )
        if not torch.equal(probe.oracle(inputs[:1]), answers[:1]):
            fail(
                "the oracle's answer for an input depends on the other inputs",
                "Compute the answer for each input separately.",
            )


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


def items_can_be_drawn(fixture: ProbeFixture) -> None:
    """An input and its target can be plotted, as reports and cards do."""
    inputs, targets = fixture.items("test", limit=1)
    try:
        draw_grid("an item", ("input", "target"), [GridRow("0", (inputs[0], targets[0]))])
    except Exception as error:
        fail(
            f"plotting raised {describe_error(error)}",
            "Return inputs and targets of shape (channels, *size), 1-D or 2-D.",
        )


def network_outputs_can_be_scored(fixture: ProbeFixture) -> None:
    """For outputs (batch, outputs, *size), the loss is a finite scalar; metrics give a number per item."""
    import torch

    probe = fixture.probe
    inputs, targets = fixture.items("test", limit=8)
    output = torch.randn(len(inputs), probe.shape.outputs, *probe.shape.size, requires_grad=True)
    loss = probe.loss(output, targets)
    if loss.ndim or not bool(loss.isfinite()) or not loss.requires_grad:
        fail(f"the loss of random outputs is {loss.detach()}", "Return a scalar that depends on the outputs.")
    for metric in probe.metrics:
        evaluate_metric(metric, output.detach(), targets, inputs)


def difficulty_axis_is_valid(fixture: ProbeFixture) -> None:
    """If it has a difficulty axis, the axis gives a number per item or position, some within its edges."""
    import torch

    probe = fixture.probe
    if probe.axis is None:
        raise DoesNotApply("it has no difficulty axis")

    def model(inputs: Tensor) -> Tensor:
        return torch.zeros(len(inputs), probe.shape.outputs, *probe.shape.size)

    train, test = first_items(fixture, "train"), first_items(fixture, "test")
    curve = measure_difficulty_curve(model, probe, train, [test], torch.device("cpu"))
    if curve is not None and not curve.points:
        fail(f"no item is within the edges of the axis {curve.axis}", "Choose edges that contain items.")


def first_items(fixture: ProbeFixture, split: Split) -> Dataset:
    """Return the first items of a split as a dataset."""
    inputs, targets = fixture.items(split)
    return Items(len(inputs), lambda index: (inputs[index], targets[index]))


PROBE_CHECKS = (
    declares_required_attributes,
    *DATA_CHECKS,
    same_data_in_another_process,
    oracle_is_exact,
    targets_score_perfect,
    scores_stay_within_bounds,
    constant_output_scores_near_chance,
    controls_fail,
    resists_shortcuts,
    items_can_be_drawn,
    network_outputs_can_be_scored,
    difficulty_axis_is_valid,
    plugin_imports_no_torch,
)
