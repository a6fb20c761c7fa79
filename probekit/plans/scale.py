"""Scales give a probe its parameters and a trainer its recipe; what the user typed comes on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import Part, find_part
from probekit.catalog.registry import Registry
from probekit.plans.limits import make_probe
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.plugin.interfaces import Probe, Scale


def find_scale(probe: Part, name: str) -> Scale:
    """Return a probe's scale by name; raises UsageError if it has no such scale."""
    scales: Mapping[str, Scale] = getattr(probe.target, "scales", {})
    if name not in scales:
        request = f"scale {name!r} of probe {probe.display_name!r}"
        raise UsageError(request, "there is no such scale", did_you_mean(name, scales))
    return scales[name]


def resolve_at_scale(text: str, name: str, registry: Registry, **params: Any) -> tuple[Scale, Part]:
    """Return a scale of a probe and the probe at it.

    Args:
        text: The probe as typed; its parameters come on top of the scale's.
        name: The name of the scale.
        registry: The installed components.
        **params: Parameters that come on top of both.
    """
    term = parse_term(text)
    part = find_part("probe", term.name, registry)
    scale = find_scale(part, name)
    return scale, part.with_params({**scale.parameters, **dict(term.params), **params})


def make_probe_at(text: str, name: str, registry: Registry, **params: Any) -> Probe:
    """Make a probe at one of its scales; arguments as for `resolve_at_scale`.

    Raises:
        UsageError: The probe's items are too large for this machine.
    """
    return make_probe(resolve_at_scale(text, name, registry, **params)[1])


def resolve_trainer(text: str, scale: Scale, registry: Registry) -> Part:
    """Resolve the trainer; from the scale's recipe it takes the parameters that it has."""
    term = parse_term(text)
    part = find_part("trainer", term.name, registry)
    defaults = part.with_params({}).params
    recipe = {name: value for name, value in scale.recipe.items() if name in defaults}
    return part.with_params({**recipe, **dict(term.params)})
