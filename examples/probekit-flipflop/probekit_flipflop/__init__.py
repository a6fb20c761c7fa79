"""The flip-flop for probekit: the bit that was written last is read, whatever was said since."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    about, target = "read the bit written last", "probekit_flipflop.probe:FlipFlop"
    return [Component("probe", "flipflop", target, about, tags=("memory",))]
