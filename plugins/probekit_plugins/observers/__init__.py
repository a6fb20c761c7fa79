"""The built-in observers of runs."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in observers."""
    return [
        Component(
            "observer",
            "csv",
            "probekit_plugins.observers.csv:Csv",
            "appends a row per run and metric to a CSV file",
        )
    ]
