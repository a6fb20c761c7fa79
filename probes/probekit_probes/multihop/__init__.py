"""Multi-hop: the probe of lookups that follow one another."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "multi-hop",
            "probekit_probes.multihop.probe:MultiHop",
            "what follows what on a cycle, in any order: is the node so many steps on found?",
            tags=("content addressing", "composition", "path"),
        )
    ]
