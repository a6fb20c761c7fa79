"""Noise is what scores vary by from seed to seed at a scale, as it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from probekit.catalog.grammar import file_names
from probekit.catalog.part import Part
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError
from probekit.interfaces import Scale
from probekit.plans.finite import finite_alone
from probekit.plans.plan import Plan
from probekit.plans.scale import at_scale, trained
from probekit.plans.spec import RunSpec


def noise_of(spec: RunSpec, scale: Scale, probe: Part, trainer: Part, registry: Registry) -> dict[str, float]:
    """Return a scale's measured noise, empty where what was typed differs from the scale."""
    usual: str = RunSpec.model_fields["trainer"].default
    as_measured = (
        spec.width is None
        and spec.budget is None
        and probe == probe.given(scale.parameters)
        and (spec.trainer == usual or trainer == trained(usual, scale, registry))
    )
    known = finite_alone(scale.noise) if as_measured else {}
    return {name: value for name, value in known.items() if value >= 0}


def noises_now(plans: Iterable[Plan], registry: Registry) -> Iterator[dict[str, float]]:
    """Return the noise of stored plans' scales as it is known now, once for all that were asked alike."""
    asked: dict[tuple[Any, ...], Plan] = {}
    for plan in plans:
        spec = plan.spec
        typed = spec.probe, spec.trainer, spec.width, spec.budget
        asked.setdefault((*typed, plan.scale, plan.probe, plan.trainer, *sorted(plan.noise.items())), plan)
    return (noise_now(plan, registry) for plan in asked.values())


def noise_now(plan: Plan, registry: Registry) -> dict[str, float]:
    """Return the noise of a stored plan's scale as it is known now, not when it was run.

    Where the scale has changed since, or cannot be found, what was known then is all there is; so where a
    file is named, which is not run for this.
    """
    spec = plan.spec
    try:
        if any(map(file_names, (spec.probe, spec.trainer))):
            return plan.noise
        scale, probe = at_scale(spec.probe, plan.scale, registry)
        trainer = trained(spec.trainer, scale, registry)
    except ProbekitError:
        return plan.noise
    if (probe.text, trainer.text) != (plan.probe, plan.trainer):
        return plan.noise
    return noise_of(spec, scale, probe, trainer, registry)
