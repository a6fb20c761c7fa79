"""Tracking: the probe of state tracking."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "state-tracking",
            "probekit_probes.tracking.probe:StateTracking",
            "a row of moves of a group: is the state after each of them known?",
            tags=("group composition",),
        )
    ]
