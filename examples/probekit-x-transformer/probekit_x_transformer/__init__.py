"""An encoder of the package x-transformers for probekit: a whole structure."""

from probekit import Component, hookimpl

ADDRESS = "probekit_x_transformer.structure:XTransformer"


@hookimpl
def probekit_components():
    return [Component("structure", "x-transformer", ADDRESS, "a transformer encoder of x-transformers")]
