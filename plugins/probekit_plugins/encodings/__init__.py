"""Encodings: positional encodings handed to a layer."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in encodings."""
    return [
        Component(
            "encoding",
            "pe",
            "probekit_plugins.encodings.pe:PE",
            "Fourier + Decor.: depends on differences of positions only",
        ),
    ]
