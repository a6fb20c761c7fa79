"""Insideness: the probe of what a closed curve parts."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "insideness",
            "probekit_probes.insideness.probe:Insideness",
            "a closed curve: is it known what lies inside, where no window can tell?",
            tags=("topology", "parity"),
        )
    ]
