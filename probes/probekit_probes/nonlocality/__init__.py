"""Nonlocality: the Rectangle Depth Estimation probe."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "nonlocality",
            "probekit_probes.nonlocality.probe:Nonlocality",
            "depth of overlapping rectangles: do local cues decide the depth of distant pixels?",
            tags=("path", "partial order"),
        )
    ]
