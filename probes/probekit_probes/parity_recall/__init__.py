"""Parity-conditioned recall: one of two values of a key, by the parity of the bits so far."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "parity-recall",
            "probekit_probes.parity_recall.probe:ParityRecall",
            "keys with two values each, then bits and keys: which value, by the parity of the bits so far?",
            tags=("content addressing", "counter modulo two", "composition"),
        )
    ]
