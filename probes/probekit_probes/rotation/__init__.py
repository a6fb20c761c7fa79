"""Rotation: images that are turned or mirrored."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "rotation",
            "probekit_probes.rotation.probe:Rotation",
            "the target of an arrow: does what is learned in one orientation transfer to the seven others?",
            tags=("symmetry",),
        )
    ]
