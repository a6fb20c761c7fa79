"""The built-in trainers. They change weights, and nothing else."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in trainers."""
    return [
        Component(
            "trainer",
            "none",
            "probekit_plugins.trainers.untrained:Untrained",
            "does not train, for pretrained networks",
        ),
        Component(
            "trainer",
            "supervised",
            "probekit_plugins.trainers.supervised:Supervised",
            "AdamW or Muon on the probe's loss, warm-up and cosine, gradient clipping",
        ),
        Component(
            "trainer",
            "fabric",
            "probekit_plugins.trainers.fabric:Fabric",
            "supervised on more than one device; pip install 'probekit-nn[fabric]'",
        ),
    ]
