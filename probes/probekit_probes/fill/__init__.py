"""Fill: the cells that a path through a maze can reach."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "fill",
            "probekit_probes.fill.probe:Fill",
            "a maze and a seed: which cells can be reached from the seed?",
            tags=("path", "topology"),
        )
    ]
