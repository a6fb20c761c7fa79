"""Checks of a scale for another package's probe: its parameters, its sizes, its items, and a run at it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.authors.check.additions.fixture import NEW_NAME, ScaleFixture
from probekit.authors.check.base import CheckFailed, fail
from probekit.authors.check.fixture import copy_unobserved
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.authors.check.probes.attributes import oracle_is_exact
from probekit.authors.check.probes.data import (
    FEW_ITEMS,
    inputs_determine_targets,
    splits_are_disjoint,
    training_items_are_distinct,
)
from probekit.catalog.grammar import Term
from probekit.catalog.part import find_part
from probekit.plans.golden import list_splits, load_split
from probekit.plans.job import make_job
from probekit.plans.spec import RunSpec, make_spec
from probekit.plugin.components import Component
from probekit.plugin.declarations import Shape
from probekit.plugin.errors import did_you_mean
from probekit.runs.run import run_job
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import nn

TRAINER: str = RunSpec.model_fields["trainer"].default
NETWORK = "check-pointwise"
"""The kit's network in these runs."""
WIDTH = 4
LEAST_TEST = 100
"""Test items that a scale needs to decide: with fewer, the interval over items crosses a threshold."""


def build_pointwise(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees one position, in one or two dimensions."""
    from torch import nn

    convolution = nn.Conv1d if len(shape.size) == 1 else nn.Conv2d
    return nn.Sequential(convolution(shape.inputs, width, 1), nn.GELU(), convolution(width, shape.outputs, 1))


def declares_a_scale(fixture: ScaleFixture) -> None:
    """It makes a Scale with a name that the probe has not, and with a width or a budget."""
    scale = fixture.make_scale()
    name = fixture.part.component.name
    if name in fixture.host.part.target.scales:  # type: ignore[attr-defined]
        fail(f"the probe has a scale called {name}, which comes first", NEW_NAME)
    if (scale.width is None) == (scale.budget is None):
        fail("it sets both or neither of width and budget", "Set exactly one of them.")
    if any(number is not None and number < 1 for number in (scale.width, scale.budget)):
        fail(f"its width is {scale.width}, its budget {scale.budget}", "Set a positive number.")
    if not scale.about:
        fail("it has no line about it", "Say in `about` how long a run takes, and on what machine.")
    if invalid := {metric: value for metric, value in scale.noise.items() if not 0 <= value < float("inf")}:
        fail(f"its noise is {invalid}", "Noise is a standard deviation: finite and not negative.")


def sets_parameters_of_the_probe(fixture: ScaleFixture) -> None:
    """Each of its parameters is one of the probe, with a value that the probe accepts."""
    part = fixture.host.part
    for name, value in fixture.make_scale().parameters.items():
        part.with_params({name: value})
    _ = fixture.probe


def sets_a_recipe_of_the_trainer(fixture: ScaleFixture) -> None:
    """Each parameter of its recipe is one of the default trainer, which would ignore another."""
    trainer = find_part("trainer", TRAINER, fixture.registry)
    known = trainer.with_params({}).params
    for name, value in fixture.make_scale().recipe.items():
        if name not in known:
            fail(f"the trainer {TRAINER} has no parameter {name}", did_you_mean(name, known))
        trainer.with_params({name: value})


def has_enough_items(fixture: ScaleFixture) -> None:
    """Every split has items; a scale that decides has enough test items for a narrow interval."""
    probe, scale = fixture.probe, fixture.make_scale()
    lengths = {split: len(load_split(probe, split, 0)) for split in list_splits(probe)}
    if empty := [split for split, length in lengths.items() if length < 2]:
        fail(f"there are fewer than two items in {' and '.join(empty)}", "Choose larger numbers of items.")
    if scale.decides and lengths["test"] < LEAST_TEST and not probe.finite:
        fail(
            f"it has {lengths['test']} test items, and scores at it would decide",
            f"Set `decides=False`, or at least {LEAST_TEST} test items.",
        )


def has_different_items(fixture: ScaleFixture) -> None:
    """No input is in two splits, or nearly so, and few of the training inputs are repeated."""
    try:
        splits_are_disjoint(fixture)
        training_items_are_distinct(fixture)
    except CheckFailed as error:
        fail(error.problem, "Choose parameters with more different items.")


def fits_this_machine(fixture: ScaleFixture) -> None:
    """With the probe's own host, a network of its width or budget can be built, and fits into memory."""
    component, wished = fixture.part.component, fixture.make_scale().width
    host = fixture.probe.structure
    spec = make_spec(probe=component.probe, structure=host, scale=component.long_name)
    width = make_job(spec, fixture.registry).plan.width
    if wished is not None and width is not None and width < wished / 2:
        fail(f"its width is {wished}, and {host} has at most {width}", "Set a smaller width.")


def a_run_at_it_is_made(fixture: ScaleFixture) -> None:
    """A small network is trained for an epoch on a few items, scored, and stored."""
    component = fixture.part.component
    few = {name: value for name, value in FEW_ITEMS.items() if fixture.host.part.accepts(name)}
    registry = copy_unobserved(fixture.registry)
    registry = registry.with_components(Component("structure", NETWORK, build_pointwise, "for checks"))
    spec = make_spec(
        probe=str(Term(component.probe, tuple(few.items()))),
        structure=NETWORK,
        scale=component.long_name,
        trainer=f"{TRAINER}(epochs=1)",
        width=WIDTH,
    )
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_job(make_job(spec, registry), registry, device="cpu", store=Store(Path(folder)))
    if outcome.result.status != "done":
        fail(
            f"the run failed: {outcome.result.error}".rstrip("."),
            "Try it: `probekit run PROBE -s NAME --scale SCALE`.",
        )


SCALE_CHECKS = (
    declares_a_scale,
    sets_parameters_of_the_probe,
    sets_a_recipe_of_the_trainer,
    has_enough_items,
    has_different_items,
    inputs_determine_targets,
    oracle_is_exact,
    fits_this_machine,
    a_run_at_it_is_made,
    plugin_imports_no_torch,
)
