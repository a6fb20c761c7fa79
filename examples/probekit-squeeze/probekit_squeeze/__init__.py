"""Squeeze-and-excitation (Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018) for probekit."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    return [Component("layer", "squeeze", "probekit_squeeze.layer:Squeeze", "gates channels by their means")]
