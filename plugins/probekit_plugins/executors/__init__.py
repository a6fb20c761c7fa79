"""Executors: where runs are carried out."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in executor."""
    return [
        Component(
            "executor",
            "local",
            "probekit_plugins.executors.local:Local",
            "a fresh process a run on this machine, several at a time, its threads divided among them",
        )
    ]
