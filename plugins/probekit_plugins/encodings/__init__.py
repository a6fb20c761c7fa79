"""Encodings: positional encodings handed to a layer."""

from probekit.components import Component
from probekit.hookspecs import hookimpl

HERE = "probekit_plugins.encodings"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in encodings."""
    return [
        Component(
            "encoding", "coordconv", f"{HERE}.coordconv:CoordConv", "coordinates as channels, one an axis"
        ),
        Component(
            "encoding",
            "cosine",
            f"{HERE}.cosine:Cosine",
            "cosines of Vaswani et al., added to q, k and v or under Decor.",
        ),
        Component(
            "encoding", "local", f"{HERE}.local:Local", "a learned vector a displacement, within a window"
        ),
        Component(
            "encoding",
            "pe",
            f"{HERE}.pe:PE",
            "Fourier + Decor.: depends on differences of positions only",
        ),
    ]
