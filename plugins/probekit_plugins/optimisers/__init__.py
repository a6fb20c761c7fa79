"""The built-in optimisers, and the trainer that hosts them and those of other plugins."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the optimisers and their trainer."""
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
    ]
