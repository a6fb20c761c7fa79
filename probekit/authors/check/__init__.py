"""Conformance checks: each tests one requirement on a component of a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from probekit.authors.check.additions.controls import CONTROL_CHECKS
from probekit.authors.check.additions.fixture import ControlFixture, MetricFixture, ScaleFixture
from probekit.authors.check.additions.metrics import ADDED_METRIC_CHECKS
from probekit.authors.check.additions.scales import SCALE_CHECKS
from probekit.authors.check.base import Check, CheckFailed, Finding, check_name, fail
from probekit.authors.check.executors.endings import EXECUTOR_CHECKS
from probekit.authors.check.executors.fixture import ExecutorFixture
from probekit.authors.check.modules.composition import (
    COMBINATOR_CHECKS,
    ENCODING_CHECKS,
    LAYER_CHECKS,
    STRUCTURE_CHECKS,
)
from probekit.authors.check.modules.fixtures import (
    CombinatorFixture,
    EncodingFixture,
    LayerFixture,
    StructureFixture,
)
from probekit.authors.check.modules.outputs import MODULE_CHECKS
from probekit.authors.check.observers.fixture import ObserverFixture
from probekit.authors.check.observers.hooks import OBSERVER_CHECKS
from probekit.authors.check.optimisers.steps import OPTIMISER_CHECKS, OptimiserFixture
from probekit.authors.check.probes.attributes import PROBE_CHECKS
from probekit.authors.check.probes.data import ProbeFixture
from probekit.authors.check.ranges import ranges_hold
from probekit.authors.check.trainers.fixture import TrainerFixture
from probekit.authors.check.trainers.training import TRAINER_CHECKS
from probekit.catalog.expression import resolve_hosted
from probekit.catalog.grammar import Term, parse_term
from probekit.catalog.hosting import host_optimiser
from probekit.catalog.part import Part, find_part, resolve_part
from probekit.catalog.registry import Registry
from probekit.catalog.registry import registry as default_registry
from probekit.catalog.signature import takes_channels, takes_layers
from probekit.plugin.components import KINDS, Kind
from probekit.plugin.errors import UsageError, did_you_mean

__all__ = ["Check", "CheckFailed", "Finding", "checks", "fail"]

Requirement = Callable[[Any], None]
COMBINED_LAYERS = ((Term("layers/gru"),), (Term("layers/transformer"),))
"""The layers that a combinator is checked with."""
CHECKS_BY_KIND: Mapping[Kind, tuple[Callable[[Part, Registry, str], object], tuple[Requirement, ...]]] = {
    "probe": (ProbeFixture, (*PROBE_CHECKS, ranges_hold)),
    "structure": (StructureFixture, (*MODULE_CHECKS, *STRUCTURE_CHECKS, ranges_hold)),
    "layer": (LayerFixture, (*MODULE_CHECKS, *LAYER_CHECKS, ranges_hold)),
    "combinator": (CombinatorFixture, (*MODULE_CHECKS, *COMBINATOR_CHECKS, ranges_hold)),
    "encoding": (EncodingFixture, (*MODULE_CHECKS, *ENCODING_CHECKS, ranges_hold)),
    "trainer": (TrainerFixture, (*TRAINER_CHECKS, ranges_hold)),
    "optimiser": (OptimiserFixture, (*OPTIMISER_CHECKS, ranges_hold)),
    "metric": (MetricFixture, (*ADDED_METRIC_CHECKS, ranges_hold)),
    "scale": (ScaleFixture, SCALE_CHECKS),
    "control": (ControlFixture, (*CONTROL_CHECKS, ranges_hold)),
    "executor": (ExecutorFixture, (*EXECUTOR_CHECKS, ranges_hold)),
    "observer": (ObserverFixture, (*OBSERVER_CHECKS, ranges_hold)),
}
"""By kind: the fixture that prepares a component, and the functions that check it."""


def checks(
    kind: str, name: str, *, expected: Mapping[str, str] | None = None, registry: Registry | None = None
) -> list[Check]:
    """Return the checks of a component, for `pytest.mark.parametrize`.

    Call each check without arguments; `str(check)` is its name. A check that does not apply or is expected to
    fail is skipped. A check that is expected to fail and holds, fails.

    Args:
        kind: layer, combinator, structure, encoding, trainer, optimiser, probe, metric, scale, control,
            executor or observer.
        name: the component as typed: "swirl", "swirl(heads=2)" or "./my_layer.py:Swirl". A combinator
            without layers is checked with `gru` and `transformer`.
        expected: reasons for expected failures, by name of the check. A component can also declare them in
            its attribute `expected_failures`.
        known: the installed components; None loads them.

    Raises:
        UsageError: the kind or the name is unknown, or `expected` names an unknown check.
    """
    fixture = make_fixture(kind, name, registry or default_registry())
    _, requirements = CHECKS_BY_KIND[fixture.part.component.kind]
    expected_failures = {**getattr(fixture.part.target, "expected_failures", {}), **(expected or {})}
    names = [check_name(requirement) for requirement in requirements]
    for unknown in expected_failures.keys() - set(names):
        raise UsageError(
            f"the expected failure {unknown!r}", "there is no such check", did_you_mean(unknown, names)
        )
    return [
        Check(
            f"{kind} {name}",
            check_name(requirement),
            describe_requirement(requirement),
            requirement,
            fixture,
            expected_failures.get(check_name(requirement), ""),
        )
        for requirement in requirements
    ]


def make_fixture(kind: str, name: str, registry: Registry) -> Any:
    """Return the fixture that prepares a component for the checks of its kind.

    Raises:
        UsageError: the kind or the name is unknown, or the component is of another kind.
    """
    checked_kind = next(
        (candidate for candidate in KINDS if candidate == kind and candidate in CHECKS_BY_KIND), None
    )
    if checked_kind is None:
        raise UsageError(
            f"checking a {kind}", "there are no checks for this kind", did_you_mean(kind, CHECKS_BY_KIND)
        )
    fixture, _ = CHECKS_BY_KIND[checked_kind]
    term = parse_term(name, takes_layers=checked_kind == "combinator")
    params = dict(term.params)
    if checked_kind == "combinator":
        check_signature(find_part(checked_kind, term.name, registry), name)
        layers = term.layers or COMBINED_LAYERS
        hosted = resolve_hosted((replace(term, layers=layers),), f"combinator {name}", registry)
        return fixture(hosted.layer, registry, name)
    if checked_kind == "layer" and "causal" in params:  # a host passes it, and users cannot type it
        causal = params.pop("causal") is True
        part = resolve_part(checked_kind, Term(term.name, tuple(params.items())), registry)
        return LayerFixture(part, registry, name, causal)
    part = host_optimiser(resolve_part(checked_kind, term, registry), registry)
    check_signature(part, name)
    return fixture(part, registry, name)


def check_signature(part: Part, name: str) -> None:
    """Raise UsageError if a layer, combinator or structure is checked as another of these kinds."""
    kind, first = part.component.kind, next(iter(part.free_parameters), "")
    if kind == "structure" and takes_channels(part.target):
        problem, other = "its first parameters are channels and size, so it is a layer", "layer"
    elif kind == "layer" and first == "shape":
        problem, other = "its first parameter is shape, so it is a structure", "structure"
    elif kind == "combinator" and not takes_layers(part.target):
        problem, other = "its first parameters are not channels, size and layers", "layer"
    elif kind == "layer" and takes_layers(part.target):
        problem, other = "its first parameters are channels, size and layers", "combinator"
    else:
        return
    raise UsageError(f"checking {name} as a {kind}", problem, f"Type probekit check {other} {name}.")


def describe_requirement(requirement: Requirement) -> str:
    """Return the sentence that states a requirement: the docstring of its function."""
    return " ".join((requirement.__doc__ or "").split())
