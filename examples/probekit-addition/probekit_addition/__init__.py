"""Modular addition for probekit: a finite set of sums, half of which are trained on."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    return [Component("probe", "addition", "probekit_addition.probe:Addition", "what is a + b modulo p?")]
