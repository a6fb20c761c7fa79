"""What `probekit show` prints of a probe: its scales, metrics, controls, and what plugins add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probekit.catalog.registry import Registry
from probekit.plans.scale import list_additions
from probekit.plugin.components import ADDITIONS, Component
from probekit.plugin.interfaces import Probe, Scale


def describe_probe(probe: Probe) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a probe's tables, by title."""
    return {
        "scales": [{"scale": name, **describe_scale(scale)} for name, scale in probe.scales.items()],
        "metrics": [
            {
                "metric": metric.name,
                "better": metric.better,
                "perfect": metric.perfect,
                "chance": metric.chance,
                "about": metric.about,
            }
            for metric in probe.metrics
        ],
        "noise": list_scale_noise(probe.scales),
        "controls": [
            {"control": name, "kind": "closed form" if hasattr(control, "fit") else "network"}
            for name, control in probe.controls().items()
        ],
        "shortcuts": list(list_shipped_shortcuts(probe)),
    }


def list_extensions(probe: Component, plugin_registry: Registry) -> Iterator[dict[str, Any]]:
    """Yield one row per metric, scale and control that a plugin adds to a probe."""
    for kind in ADDITIONS:
        for component in list_additions(kind, probe, plugin_registry):
            yield {"kind": kind, "name": component.name, "plugin": component.plugin, "about": component.about}


def describe_scale(scale: Scale) -> dict[str, Any]:
    """Return the cells of a scale."""
    return {
        "parameters": dict(scale.parameters),
        "recipe": dict(scale.recipe),
        "width": scale.width,
        "budget": scale.budget,
        "about": scale.about,
    }


def list_scale_noise(scales: Mapping[str, Scale]) -> list[dict[str, Any]]:
    """Return one row per metric: its standard deviation over seeds at each scale, where it was measured."""
    metrics = dict.fromkeys(metric for scale in scales.values() for metric in scale.noise)
    return [
        {"metric": metric, **{name: scale.noise.get(metric) for name, scale in scales.items()}}
        for metric in metrics
    ]


def list_shipped_shortcuts(probe: Probe) -> Iterator[dict[str, Any]]:
    """Yield one row per solver of the battery from the certificates that are shipped with the probe."""
    from probekit.battery.floor import HEADS, find_metric, make_rows
    from probekit.evidence.certify import Certificate

    for scale in probe.scales:
        if scale in probe.certificates:
            shortcuts = Certificate.model_validate(probe.certificates[scale]).shortcuts
            for row in make_rows(shortcuts, find_metric(shortcuts)):
                yield {"scale": scale, **dict(zip(HEADS, row, strict=True))}
