"""The built-in optimisers, and the trainers that host them and those of other plugins."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the optimisers and their trainers."""
    return [
        Component(
            "optimiser",
            "sgd",
            "probekit_plugins.optimisers.sgd:build_sgd",
            "stochastic gradient descent with Nesterov's momentum",
        ),
        Component(
            "trainer",
            "optimised",
            "probekit_plugins.optimisers.optimised:Optimised",
            "supervised with an installed optimiser, for example optimised(optimiser=sgd)",
        ),
        Component(
            "trainer",
            "fabric-optimised",
            "probekit_plugins.optimisers.fabric_optimised:FabricOptimised",
            "fabric with an installed optimiser, for example fabric-optimised(optimiser=sgd)",
        ),
    ]
