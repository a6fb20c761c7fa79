"""A scale lies beneath what was typed: it gives a probe its parameters and a trainer its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import Part, find
from probekit.catalog.registry import Registry
from probekit.errors import UsageError, did_you_mean
from probekit.interfaces import Probe, Scale
from probekit.plans.size import made


def named_scale(probe: Part, name: str) -> Scale:
    """Return one of a probe's scales; raises UsageError where it has none of that name."""
    scales: Mapping[str, Scale] = getattr(probe.target, "scales", {})
    if name not in scales:
        asked = f"scale {name!r} of probe {probe.shown!r}"
        raise UsageError(asked, "there is no such scale", did_you_mean(name, scales))
    return scales[name]


def at_scale(text: str, name: str, registry: Registry, **params: Any) -> tuple[Scale, Part]:
    """Return a scale of a probe, and the probe at it with what was typed on top, `params` above all."""
    asked = parse_term(text)
    bare = find("probe", asked.name, registry)
    scale = named_scale(bare, name)
    return scale, bare.given({**scale.parameters, **dict(asked.params), **params})


def probe_at(text: str, name: str, registry: Registry, **params: Any) -> Probe:
    """Make a probe at one of its scales, with what was typed on top.

    Raises UsageError where its items are too large for this machine.
    """
    return made(at_scale(text, name, registry, **params)[1])


def trained(text: str, scale: Scale, registry: Registry) -> Part:
    """Resolve the trainer; of the scale's recipe it takes what it has parameters for."""
    asked = parse_term(text)
    bare = find("trainer", asked.name, registry)
    own = bare.given({}).params
    recipe = {name: value for name, value in scale.recipe.items() if name in own}
    return bare.given({**recipe, **dict(asked.params)})
