"""Executors: where runs are carried out."""

from probekit.components import Component
from probekit.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in executors."""
    return [
        Component(
            "executor",
            "local",
            "probekit_plugins.executors.local:Local",
            "a fresh process a run on this machine, several at a time, its threads divided among them",
        ),
        Component(
            "executor",
            "ray",
            "probekit_plugins.executors.ray:Ray",
            "a task a run on a Ray cluster, on a shared disk or none; pip install 'probekit-nn[ray]'",
        ),
        Component(
            "executor",
            "slurm",
            "probekit_plugins.executors.slurm:Slurm",
            "an array of tasks in a Slurm queue, queued anew if preempted; pip install 'probekit-nn[slurm]'",
        ),
    ]
