"""Encodings: positional encodings handed to a layer."""

from probekit.components import Component
from probekit.hookspecs import hookimpl

HERE = "probekit_plugins.encodings"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in encodings."""
    return [
        Component(
            "encoding",
            "alibi",
            f"{HERE}.bias:ALiBi",
            "attention falls off with distance, head by head (Press et al. 2022)",
        ),
        Component(
            "encoding",
            "conditional",
            f"{HERE}.conditional:Conditional",
            "a depthwise convolution of three positions a side, added (Chu et al. 2023)",
        ),
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
            "encoding",
            "fourier",
            f"{HERE}.fourier:Fourier",
            "cosines and sines of learned waves, mapped and added (Li et al. 2021)",
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
        Component(
            "encoding",
            "relative",
            f"{HERE}.bias:Relative",
            "a learned number a displacement, added to comparisons (Shaw et al. 2018, Liu et al. 2021)",
        ),
        Component(
            "encoding",
            "rotary",
            f"{HERE}.rotary:Rotary",
            "queries and keys are turned by where they are, axis by axis (Su et al. 2021)",
        ),
    ]
