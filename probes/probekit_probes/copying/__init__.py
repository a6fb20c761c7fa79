"""Selective copying: the probe of what is kept among noise."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "selective-copying",
            "probekit_probes.copying.probe:SelectiveCopying",
            "a few tokens among much noise: are they told again in their order?",
            tags=("memory", "order"),
        )
    ]
