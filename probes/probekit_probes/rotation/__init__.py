"""Rotation: the probe of what holds when an image is turned, or seen in a mirror."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "rotation",
            "probekit_probes.rotation.probe:Rotation",
            "where an arrow aims: does what was learned of one orientation hold for the seven others?",
            tags=("symmetry",),
        )
    ]
