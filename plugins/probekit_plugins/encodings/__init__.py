"""The built-in positional encodings. A layer uses them."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl

PACKAGE = "probekit_plugins.encodings"


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in encodings."""
    return [
        Component(
            "encoding",
            "alibi",
            f"{PACKAGE}.bias:ALiBi",
            "attention decreases with distance, at another rate in each head (Press et al. 2022)",
        ),
        Component(
            "encoding",
            "conditional",
            f"{PACKAGE}.conditional:Conditional",
            "a depthwise convolution with a 3 x 3 kernel, added (Chu et al. 2023)",
        ),
        Component(
            "encoding", "coordconv", f"{PACKAGE}.coordconv:CoordConv", "coordinates as channels, one per axis"
        ),
        Component(
            "encoding",
            "cosine",
            f"{PACKAGE}.cosine:Cosine",
            "cosines of Vaswani et al., added to q, k and v or under Decor.",
        ),
        Component(
            "encoding",
            "fourier",
            f"{PACKAGE}.fourier:Fourier",
            "cosines and sines of learned frequencies, mapped and added (Li et al. 2021)",
        ),
        Component(
            "encoding",
            "local",
            f"{PACKAGE}.local:Local",
            "a learned vector per displacement, within a window",
        ),
        Component(
            "encoding",
            "pe",
            f"{PACKAGE}.pe:PE",
            "Fourier + Decor.: depends only on differences of positions",
        ),
        Component(
            "encoding",
            "relative",
            f"{PACKAGE}.bias:Relative",
            "a learned number per displacement, added to the scores (Shaw et al. 2018, Liu et al. 2021)",
        ),
        Component(
            "encoding",
            "rotary",
            f"{PACKAGE}.rotary:Rotary",
            "queries and keys are rotated by their position, axis by axis (Su et al. 2021)",
        ),
    ]
