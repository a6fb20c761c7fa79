"""Checks of a probe: its attributes, its oracle, its pictures and its axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.other_process import same_data_in_another_process
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.probes.data import DATA_CHECKS, ProbeFixture
from probekit.authors.check.probes.floor import (
    controls_fail,
    controls_learn_from_training_items_only,
    resists_shortcuts,
)
from probekit.authors.check.probes.metrics import METRIC_CHECKS
from probekit.authors.check.probes.padding import PADDING_CHECKS
from probekit.catalog.expression import resolve_expression
from probekit.evidence.item_checks import has_oracle
from probekit.plans.golden import list_splits
from probekit.plans.scale import make_probe_at
from probekit.plugin.errors import describe_error
from probekit.plugin.interfaces import Dataset, Split
from probekit.plugin.items import Items
from probekit.scores.difficulty_curve import measure_difficulty_curve
from probekit.scores.pictures import GridRow, draw_grid

if TYPE_CHECKING:
    from torch import Tensor


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


def pooled_answers_have_no_positions(fixture: ProbeFixture) -> None:
    """Targets have one answer per item if its shape is pooled, and one per position otherwise."""
    probe = fixture.probe
    _, targets = fixture.items("test", limit=1)
    if not probe.shape.pooled:
        if tuple(targets.shape[1:]) == (probe.shape.outputs,):
            shape, size = tuple(targets.shape[1:]), probe.shape.size
            fail(
                f"a target has shape {shape}, and a network answers at {size} positions",
                "Write Shape(..., pooled=True) if an item has one answer as a whole.",
            )
        raise DoesNotApply("its shape is not pooled")
    if targets.ndim > 2:
        fail(
            f"its shape is pooled, but a target has shape {tuple(targets.shape[1:])}",
            f"Return targets of shape ({probe.shape.outputs},), or leave out pooled=True.",
        )
    measured = [name for name in ("symmetry", "related_measurement") if getattr(probe, name)]
    if measured:
        fail(
            f"it declares {' and '.join(measured)}, and a pooled answer has no positions to measure it at",
            f"Leave out {' and '.join(measured)}.",
        )


def oracle_is_exact(fixture: ProbeFixture) -> None:
    """From the inputs alone, one or many, the oracle returns exactly the targets."""
    import torch

    probe = fixture.probe
    if not has_oracle(probe):
        raise DoesNotApply("it declares that it has no oracle; `probekit certify` refuses it")
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


def difficulty_axis_is_valid(fixture: ProbeFixture) -> None:
    """If it has a difficulty axis, the axis gives a number per item or position, some within its edges."""
    import torch

    probe = fixture.probe
    if probe.axis is None:
        raise DoesNotApply("it has no difficulty axis")

    def model(inputs: Tensor) -> Tensor:
        return torch.zeros(len(inputs), probe.shape.outputs, *probe.shape.answer_size)

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
    pooled_answers_have_no_positions,
    *PADDING_CHECKS,
    oracle_is_exact,
    *METRIC_CHECKS,
    controls_fail,
    controls_learn_from_training_items_only,
    resists_shortcuts,
    items_can_be_drawn,
    difficulty_axis_is_valid,
    plugin_imports_no_torch,
)
