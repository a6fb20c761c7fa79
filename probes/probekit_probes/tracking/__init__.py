"""Tracking: the state after a sequence of moves."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "state-tracking",
            "probekit_probes.tracking.probe:StateTracking",
            "a sequence of moves of a group: what is the state after each move?",
            tags=("group composition",),
        )
    ]
