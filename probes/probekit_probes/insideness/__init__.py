"""Insideness: which side of a closed curve a pixel is on."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "insideness",
            "probekit_probes.insideness.probe:Insideness",
            "a curve too large for a window: is this pixel inside or outside the curve?",
            tags=("topology", "parity"),
        )
    ]
