"""Noise is what scores vary by from seed to seed at a scale, of a stored plan as it is known now."""

from __future__ import annotations

from probekit.catalog.grammar import file_names
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError
from probekit.plans.plan import Plan, at_scale, noise_of, trained


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
