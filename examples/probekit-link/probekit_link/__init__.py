"""The long-range link for probekit: the sink takes the colour of a source at distance d."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    return [Component("probe", "link", "probekit_link.probe:Link", "paint a sink in its far source's colour")]
