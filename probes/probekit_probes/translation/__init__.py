"""Translation: the Centered Square probe."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the probe."""
    return [
        Component(
            "probe",
            "translation",
            "probekit_probes.translation.probe:Translation",
            "a square around a white pixel: does what is learned in the centre transfer to other positions?",
            tags=("symmetry",),
        )
    ]
