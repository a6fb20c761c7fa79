"""The built-in combinators. Each combines layers."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl

PACKAGE = "probekit_plugins.combinators"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in combinators."""
    return [
        Component(
            "combinator",
            "parallel",
            f"{PACKAGE}.parallel:Parallel",
            "each layer reads its share of the channels, and their outputs are joined",
        ),
        Component(
            "combinator",
            "stripe",
            f"{PACKAGE}.stripe:choose_layer",
            "the places of a host get the layers in turn",
        ),
    ]
