"""Structures: networks put to a probe."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in structures."""
    return [
        Component(
            "structure",
            "plain",
            "probekit_plugins.structures.plain:Plain",
            "layers in a row, then 1x1 convolutions, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet",
            "probekit_plugins.structures.unet:UNet",
            "U-Net of ConvNeXt blocks, 1-D and 2-D",
        ),
        Component(
            "structure",
            "unet-d4",
            "probekit_plugins.structures.turned:TurnedUNet",
            "the U-Net, a mean over all turns and mirrors of a square map, so that it is covariant to each",
        ),
    ]
