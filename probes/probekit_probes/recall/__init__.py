"""Recall: associative recall of values by their keys."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "recall",
            "probekit_probes.recall.probe:Recall",
            "pairs of keys and values, then the keys alone: which value belongs to each key?",
            tags=("content addressing",),
        )
    ]
