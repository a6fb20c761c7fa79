"""The built-in executors: where runs are carried out."""

from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl


@hookimpl
def probekit_components() -> list[Component]:
    """Register the built-in executors."""
    return [
        Component(
            "executor",
            "local",
            "probekit_plugins.executors.local:Local",
            "one process per run on this machine, some at a time, which share its threads",
        ),
        Component(
            "executor",
            "ray",
            "probekit_plugins.executors.ray:Ray",
            "one task per run on a Ray cluster, shared disk or not; pip install 'probekit-nn[ray]'",
        ),
        Component(
            "executor",
            "slurm",
            "probekit_plugins.executors.slurm:Slurm",
            "an array of tasks in a Slurm queue, requeued if preempted; pip install 'probekit-nn[slurm]'",
        ),
    ]
