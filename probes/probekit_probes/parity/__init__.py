"""Parity: the probe of one bit of memory."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "parity",
            "probekit_probes.parity.probe:Parity",
            "a row of bits: is it known after each whether the ones were odd, also in longer rows?",
            tags=("counter modulo two", "group composition"),
        )
    ]
