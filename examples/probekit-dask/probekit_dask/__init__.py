"""Runs of probekit on a Dask cluster (Rocklin 2015, "Dask")."""

from probekit import Component, hookimpl


@hookimpl
def probekit_components():
    target = "probekit_dask.executor:Dask"
    return [Component("executor", "dask", target, "one task per run on a Dask cluster")]
