"""Balanced brackets for probekit: one answer for a word, and words of different lengths."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    return [Component("probe", "dyck", "probekit_dyck.probe:Dyck", "does each bracket close the right one?")]
