"""Same or different for probekit: one answer for a whole row."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    return [Component("probe", "same", "probekit_same.probe:Same", "are two marked patterns the same?")]
