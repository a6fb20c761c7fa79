"""Noise: how much scores vary from seed to seed at a scale, as measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from probekit.catalog.grammar import list_files
from probekit.catalog.part import Part
from probekit.catalog.registry import Registry
from probekit.plans.finite import drop_nonfinite
from probekit.plans.plan import Plan
from probekit.plans.scale import resolve_at_scale, resolve_trainer
from probekit.plans.spec import RunSpec
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Scale


def find_noise(
    spec: RunSpec, scale: Scale, probe: Part, trainer: Part, registry: Registry
) -> dict[str, float]:
    """Return a scale's measured noise by metric; empty if the specification differs from the scale."""
    default_trainer: str = RunSpec.model_fields["trainer"].default
    if (
        spec.width is not None
        or spec.budget is not None
        or probe != probe.with_params(scale.parameters)
        or (spec.trainer != default_trainer and trainer != resolve_trainer(default_trainer, scale, registry))
    ):
        return {}
    return {name: value for name, value in drop_nonfinite(scale.noise).items() if value >= 0}


def reload_noises(plans: Iterable[Plan], registry: Registry) -> Iterator[dict[str, float]]:
    """Yield the current noise of stored plans' scales, once per distinct request."""
    requests: dict[tuple[Any, ...], Plan] = {}
    for plan in plans:
        spec = plan.spec
        typed = spec.probe, spec.trainer, spec.width, spec.budget
        requests.setdefault((*typed, plan.scale, plan.probe, plan.trainer, *sorted(plan.noise.items())), plan)
    return (reload_noise(plan, registry) for plan in requests.values())


def reload_noise(plan: Plan, registry: Registry) -> dict[str, float]:
    """Return the noise of a stored plan's scale as it is known now.

    Returns the noise stored with the plan if the scale has changed or is missing, or if the plan names a
    file, which is not run for this.
    """
    spec = plan.spec
    try:
        if any(map(list_files, (spec.probe, spec.trainer))):
            return plan.noise
        scale, probe = resolve_at_scale(spec.probe, plan.scale, registry)
        trainer = resolve_trainer(spec.trainer, scale, registry)
    except ProbekitError:
        return plan.noise
    if (probe.text, trainer.text) != (plan.probe, plan.trainer):
        return plan.noise
    return find_noise(spec, scale, probe, trainer, registry)
