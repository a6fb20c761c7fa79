"""Grouping: the Color Code probe."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "grouping",
            "probekit_probes.grouping.probe:Grouping",
            "codes of colours, half of them masked: do positions of the same colour share information?",
            tags=("content addressing", "symmetry"),
        )
    ]
