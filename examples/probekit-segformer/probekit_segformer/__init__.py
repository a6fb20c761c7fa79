"""A segmentation network of the package transformers for probekit, with a fixed list of widths."""

from probekit import Component, hookimpl

ADDRESS = "probekit_segformer.structure:Segformer"


@hookimpl
def probekit_components():
    return [Component("structure", "segformer", ADDRESS, "SegFormer of transformers, three levels")]
