"""Trainers: they change weights, and nothing else."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in trainer."""
    return [
        Component(
            "trainer",
            "supervised",
            "probekit_plugins.trainers.supervised:Supervised",
            "AdamW or Muon on the probe's loss, warm-up and cosine, gradient clipping",
        )
    ]
