"""Fill: the probe of what spreads along paths."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "fill",
            "probekit_probes.fill.probe:Fill",
            "a maze and a seed: is it known which cells can be reached, and which cannot?",
            tags=("path", "topology"),
        )
    ]
