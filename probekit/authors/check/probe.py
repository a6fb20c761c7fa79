"""What a probe promises besides: an exact oracle, a truth that is perfect, controls that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from probekit.authors.check.data import DATA, MOST, ProbeBench
from probekit.authors.check.elsewhere import is_drawn_alike_elsewhere
from probekit.authors.check.kit import DoesNotApply, fail
from probekit.authors.check.parts import imports_nothing_heavy
from probekit.catalog.expression import resolve
from probekit.errors import reason
from probekit.evidence.focus import controls
from probekit.interfaces import Dataset, Metric, Split
from probekit.items import Items
from probekit.plans.golden import splits_of
from probekit.plans.scale import probe_at
from probekit.scores.along import along
from probekit.scores.pictures import Strip, grid
from probekit.scores.score import closed_form, means, valued

if TYPE_CHECKING:
    from torch import Tensor

NEARLY = 1e-6
"""How far rounding may take a score."""
NEAR = 0.1
"""How far from chance a constant may score, as a share of the way to perfect."""


def says_what_cards_need(bench: ProbeBench) -> None:
    """It has a property, a whole version, a headline, scales that can be made and a structure that hosts."""
    probe = bench.probe
    if not probe.property or not isinstance(probe.version, int) or not probe.metrics:
        fail(
            f"property {probe.property!r}, version {probe.version!r} and {len(probe.metrics)} metrics",
            "A property is a few words, a version a whole number, and the first metric is the headline.",
        )
    names = [metric.name for metric in probe.metrics]
    if len(set(names)) < len(names):
        fail(f"two metrics share a name: {', '.join(names)}", "Give each a name of its own.")
    for name, scale in bench.part.target.scales.items():  # type: ignore[attr-defined]
        if (scale.width is None) == (scale.budget is None):
            fail(f"scale {name} has not one of width and budget", "Give it exactly one.")
        wrong = {metric: value for metric, value in scale.noise.items() if not 0 <= value < float("inf")}
        if wrong:
            fail(f"the noise of scale {name} is {wrong}", "A standard deviation is finite and not negative.")
        probe_at(bench.part.name, name, bench.registry)
    resolve(probe.structure, probe.structure, bench.registry)


def oracle_is_exact(bench: ProbeBench) -> None:
    """From the inputs alone, one or many, the oracle gives the targets exactly."""
    import torch

    probe = bench.probe
    for split in splits_of(bench.probe):
        inputs, targets = bench.items(split)
        answers = probe.oracle(inputs)
        if answers.shape != targets.shape:
            fail(
                f"the oracle gives {tuple(answers.shape)}, targets are {tuple(targets.shape)}", "Match them."
            )
        wrong = int((answers != targets).flatten(1).any(1).sum())
        if wrong:
            fail(
                f"the oracle is wrong on {wrong} of {len(inputs)} items of {split}",
                "Mend the oracle, or leave out what the input does not decide; `probekit certify` draws one.",
            )
        if not torch.equal(probe.oracle(inputs[:1]), answers[:1]):
            fail("the oracle answers one input otherwise than many", "Let it look at each item alone.")


def truth_scores_perfect(bench: ProbeBench) -> None:
    """Each metric, given the target itself as output, scores what it calls perfect."""
    probe = bench.probe
    inputs, targets = bench.items("test")
    for metric in probe.metrics:
        scores = metric.score(targets, targets, inputs)
        if tuple(scores.shape) != (len(inputs),):
            fail(f"{metric.name} gives {tuple(scores.shape)}", f"One number an item: ({len(inputs)},).")
        found = means({metric.name: scores})[metric.name]
        if found is not None and abs(found - metric.perfect) > NEARLY:
            fail(
                f"the truth scores {found:.6g} in {metric.name}, which calls {metric.perfect:g} perfect",
                "Score the target's own form too, as one-hot channels in place of logits.",
            )


def scores_stay_within_bounds(bench: ProbeBench) -> None:
    """Each metric is finite for the truth and for a constant, and within the bounds that it states."""
    inputs, targets = bench.items("test")
    for metric in bench.probe.metrics:
        for what, answer in (("the truth", targets), ("a constant", constant(bench, targets))):
            scores = metric.score(answer, targets, inputs).double()
            scores = scores[~scores.isnan()]
            if not bool(scores.isfinite().all()):
                fail(f"{metric.name} is not finite for {what}", "Give NaN where it does not apply.")
            if not len(scores):
                continue
            least, most = float(scores.min()), float(scores.max())
            low, high = metric.bounds
            if (low is not None and least < low - NEARLY) or (high is not None and most > high + NEARLY):
                ends = f"{least:.6g} to {most:.6g}"
                fail(
                    f"{what} scores {ends} in {metric.name}, whose bounds are {metric.bounds}",
                    "State bounds that hold, None where there is none.",
                )


def constant(bench: ProbeBench, like: Tensor) -> Tensor:
    """Return the mean target of the training split, the same everywhere, in the shape of targets."""
    _, known = bench.items("train")
    return known.float().mean((0, *range(2, known.ndim)), keepdim=True).expand_as(like)


def a_constant_stays_near_chance(bench: ProbeBench) -> None:
    """The mean target, the same everywhere, scores near chance, for each metric that states it."""
    probe = bench.probe
    stated = [metric for metric in probe.metrics if metric.chance is not None]
    if not stated:
        raise DoesNotApply("no metric states its chance")
    inputs, targets = bench.items("test")
    mean = constant(bench, targets)
    for metric in stated:
        assert metric.chance is not None
        scores = metric.score(mean, targets, inputs).double()
        scores = scores[~scores.isnan()]
        if len(scores) < 2:
            continue
        found = float(scores.mean())
        slack = NEAR * abs(metric.perfect - metric.chance) + 3 * float(scores.std()) / len(scores) ** 0.5
        if abs(found - metric.chance) > slack:
            fail(
                f"a constant scores {found:.4g} in {metric.name}, whose chance is {metric.chance:.4g}",
                "Balance the labels, or state what a constant reaches.",
            )


def controls_fail(bench: ProbeBench) -> None:
    """A closed-form control gives the floor, no control comes near perfect, and networks can be built."""
    import torch

    probe = bench.probe
    train, test = probe.data("train", 0), probe.data("test", 0)
    focus = getattr(probe, "focus", probe.metrics[0].name)
    metric: Metric = next(metric for metric in probe.metrics if metric.name == focus)
    closed: dict[str, float | None] = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed[name] = closed_form(control, probe, train, test, min(MOST, len(test)))[focus]
        else:
            network = cast("Any", control)(probe.shape, width=4)
            network(torch.zeros(1, probe.shape.inputs, *probe.shape.size))
    if not closed:
        fail("no control has `fit`", "Give one in closed form, such as a constant: the best is the floor.")
    for name, placed in controls(metric, closed, {}).items():
        if not placed.holds:
            came = "no score" if placed.at is None else f"{placed.at:.0%} of the way"
            fail(
                f"control {name} reaches {came} in {focus}",
                f"At most {placed.most:.0%}, from chance to perfect: else the probe asks something else.",
            )


def an_item_can_be_drawn(bench: ProbeBench) -> None:
    """An input and its target can be drawn, as reports and cards do."""
    inputs, targets = bench.items("test", most=1)
    try:
        grid("an item", ("input", "target"), [Strip("0", (inputs[0], targets[0]))])
    except Exception as error:
        fail(f"drawing raised {reason(error)}", "Give inputs and targets (channels, *size), 1-D or 2-D.")


def answers_of_a_network_are_scored(bench: ProbeBench) -> None:
    """Of outputs (batch, outputs, *size) the loss is one finite number, and a metric gives one an item."""
    import torch

    probe = bench.probe
    inputs, targets = bench.items("test", most=8)
    output = torch.randn(len(inputs), probe.shape.outputs, *probe.shape.size, requires_grad=True)
    loss = probe.loss(output, targets)
    if loss.ndim or not bool(loss.isfinite()) or not loss.requires_grad:
        fail(f"the loss of random outputs is {loss.detach()}", "Return a scalar made of the outputs.")
    for metric in probe.metrics:
        valued(metric, output.detach(), targets, inputs)


def scores_go_along_its_axis(bench: ProbeBench) -> None:
    """Its axis of difficulty, if it has one, gives a number an item or a position, some within its edges."""
    import torch

    probe = bench.probe
    if getattr(probe, "axis", None) is None:
        raise DoesNotApply("it has no axis")

    def model(inputs: Tensor) -> Tensor:
        return torch.zeros(len(inputs), probe.shape.outputs, *probe.shape.size)

    found = along(model, probe, small(bench, "train"), [small(bench, "test")], torch.device("cpu"))
    if found is not None and not found.points:
        fail(f"no item of the axis {found.axis} lies within its edges", "Give edges that items reach.")


def small(bench: ProbeBench, split: Split) -> Dataset:
    """Return a few items of a split."""
    inputs, targets = bench.items(split)
    return Items(len(inputs), lambda index: (inputs[index], targets[index]))


def plugin_imports_no_torch(bench: ProbeBench) -> None:
    """Opening its plugin imports neither torch nor numpy nor matplotlib, so that listing stays fast."""
    imports_nothing_heavy(bench.part.component, bench.registry)


PROBE = (
    says_what_cards_need,
    *DATA,
    is_drawn_alike_elsewhere,
    oracle_is_exact,
    truth_scores_perfect,
    scores_stay_within_bounds,
    a_constant_stays_near_chance,
    controls_fail,
    an_item_can_be_drawn,
    answers_of_a_network_are_scored,
    scores_go_along_its_axis,
    plugin_imports_no_torch,
)
