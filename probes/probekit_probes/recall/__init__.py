"""Recall: the probe of associative recall."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "recall",
            "probekit_probes.recall.probe:Recall",
            "pairs of keys and values, then keys alone: is what went with a key found again?",
            tags=("content addressing",),
        )
    ]
