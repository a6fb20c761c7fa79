"""Multi-hop: lookups that follow one another."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "multi-hop",
            "probekit_probes.multihop.probe:MultiHop",
            "the edges of a cycle, in random order: which node is several steps ahead?",
            tags=("content addressing", "composition", "path"),
        )
    ]
