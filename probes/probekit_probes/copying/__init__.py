"""Selective copying: memory for a few tokens among noise."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "selective-copying",
            "probekit_probes.copying.probe:SelectiveCopying",
            "a few marked tokens among much noise: are they remembered in their order?",
            tags=("memory", "order"),
        )
    ]
