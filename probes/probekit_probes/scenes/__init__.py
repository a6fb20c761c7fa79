"""Scenes: the ladder from rectangles towards a natural scene."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "scenes",
            "probekit_probes.scenes.probe:Scenes",
            "depth of overlapping objects, on rungs from rectangles towards a natural scene",
            tags=("path", "partial order"),
        )
    ]
