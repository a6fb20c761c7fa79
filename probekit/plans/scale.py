"""Scales give a probe its parameters and a trainer its recipe; what the user typed comes on top."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

from probekit.catalog.grammar import parse_term
from probekit.catalog.hosting import host_optimiser
from probekit.catalog.part import Part, find_part
from probekit.catalog.registry import Registry
from probekit.plans.limits import make_probe
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.plugin.interfaces import Probe, Scale, Value


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
        text: The probe as typed; its parameters replace the scale's, and those that mean the same.
        name: The name of the scale.
        registry: The installed components.
        **params: Parameters that come on top of both.
    """
    term = parse_term(text)
    part = find_part("probe", term.name, registry)
    scale = find_scale(part, name)
    typed = {**dict(term.params), **params}
    return scale, part.with_params({**drop_replaced(part, scale.parameters, typed), **typed})


def drop_replaced(part: Part, parameters: Mapping[str, Value], typed: Collection[str]) -> Mapping[str, Value]:
    """Return a scale's parameters without those that typed ones replace by `equivalent_parameters`."""
    replaced: set[str] = set()
    for name, group in getattr(part.target, "equivalent_parameters", {}).items():
        if name in typed:
            replaced.update(group)
        elif all(member in typed for member in group):
            replaced.add(name)
    return {name: value for name, value in parameters.items() if name not in replaced}


def make_probe_at(text: str, name: str, registry: Registry, **params: Any) -> Probe:
    """Make a probe at one of its scales; arguments as for `resolve_at_scale`.

    Raises:
        UsageError: The probe's items are too large for this machine.
    """
    return make_probe(resolve_at_scale(text, name, registry, **params)[1])


def resolve_trainer(text: str, scale: Scale, registry: Registry) -> Part:
    """Resolve the trainer with its optimiser; from the scale's recipe it takes the parameters that it has."""
    term = parse_term(text)
    part = find_part("trainer", term.name, registry)
    defaults = part.with_params({}).params
    recipe = {name: value for name, value in scale.recipe.items() if name in defaults}
    return host_optimiser(part.with_params({**recipe, **dict(term.params)}), registry)


def list_fitting_probes(dimensions: int, registry: Registry) -> list[str]:
    """Return the names of the installed probes whose inputs have this number of dimensions."""
    names = []
    for component in registry.components("probe"):
        with contextlib.suppress(Exception):  # a broken probe fits nothing
            scales = getattr(registry.load_target(component), "scales", {})
            probe = make_probe_at(component.long_name, next(iter(scales)), registry)
            if len(probe.shape.size) == dimensions:
                names.append(component.name)
    return names
