"""Parity: one bit of memory."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "parity",
            "probekit_probes.parity.probe:Parity",
            "a sequence of bits: is the number of ones so far odd, also in longer sequences?",
            tags=("counter modulo two", "group composition"),
        )
    ]
