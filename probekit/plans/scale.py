"""Scales give a probe its parameters and a trainer its recipe; plugins add scales, metrics and controls."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from probekit.catalog.files import is_file_term
from probekit.catalog.grammar import parse_term
from probekit.catalog.hosting import host_optimiser
from probekit.catalog.part import Part, find_part, resolve_part
from probekit.catalog.registry import Registry
from probekit.plans.limits import make_probe
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.plugin.interfaces import Metric, Probe, Scale, Value


def list_additions(kind: Kind, probe: Component, registry: Registry) -> list[Component]:
    """Return the metrics, scales or controls that plugins add to a probe."""
    names = (probe.name, probe.long_name)
    return [component for component in registry.components(kind) if component.probe in names]


def find_addition(kind: Kind, text: str, probe: Part, registry: Registry) -> Part:
    """Return a metric, scale or control that a plugin adds to a probe.

    Raises:
        UsageError: There is none of that name, it extends another probe, a parameter is wrong, or it is in
            a file.
    """
    is_scale = kind == "scale"  # which has no parameters
    typed = text if is_scale else parse_term(text).name
    request = f"{kind} {text!r} of probe {probe.display_name!r}"
    added = list_additions(kind, probe.component, registry)
    matches = [component for component in added if typed in (component.name, component.long_name)]
    if not matches and not is_file_term(typed) and typed not in list_kind_names(kind, registry):
        names = [*(getattr(probe.target, "scales", {}) if is_scale else ()), *(other.name for other in added)]
        hint = did_you_mean(typed, names) if names else f"See `probekit list {kind}`."
        raise UsageError(request, f"there is no such {kind}", hint)
    term = parse_term(text)
    if len(matches) == 1:  # another plugin may add one of that name to another probe
        term = replace(term, name=matches[0].long_name)
    part = resolve_part(kind, term, registry)
    if part.component not in added:
        hint = f"`probekit list {kind}` shows the others."
        raise UsageError(request, f"it extends the probe {part.component.probe}", hint)
    return part


def list_kind_names(kind: Kind, registry: Registry) -> set[str]:
    """Return the short and long names of all components of a kind."""
    return {name for component in registry.components(kind) for name in (component.name, component.long_name)}


def find_added_scale(probe: Part, name: str, registry: Registry) -> Part | None:
    """Return a scale that a plugin adds to a probe; None if it is a scale of the probe itself.

    Raises:
        UsageError: There is no such scale.
    """
    if name in getattr(probe.target, "scales", {}):
        return None
    return find_addition("scale", name, probe, registry)


def find_scale(probe: Part, name: str, registry: Registry) -> Scale:
    """Return a probe's scale by name, its own or one that a plugin adds.

    Raises:
        UsageError: There is no such scale.
    """
    added = find_added_scale(probe, name, registry)
    scale: Scale = probe.target.scales[name] if added is None else added.make()  # type: ignore[attr-defined]
    return scale


def add_scale(probe: Probe, scale: Part | None) -> Probe:
    """Return a probe with a scale that a plugin adds to it; the same probe without one."""
    if scale is None:
        return probe
    return copy_with(probe, "scales", {**probe.scales, scale.name: scale.make()})


def add_metrics(probe: Probe, metrics: Iterable[Part]) -> Probe:
    """Return a probe with metrics that plugins add to it, after its own.

    Raises:
        UsageError: Two metrics have the same name.
    """
    for part in metrics:
        metric: Metric = part.make(probe)
        if metric.name in {other.name for other in probe.metrics}:
            problem = f"there is a metric called {metric.name} already"
            hint = "Leave it out; its author can give it another name."
            raise UsageError(f"metric {part.text}", problem, hint)
        probe = copy_with(probe, "metrics", (*probe.metrics, metric))
    return probe


def copy_with(probe: Probe, name: str, value: object) -> Probe:
    """Return a copy of a probe with another value of an attribute."""
    changed = copy.copy(probe)
    object.__setattr__(changed, name, value)
    return changed


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
    scale = find_scale(part, name, registry)
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
