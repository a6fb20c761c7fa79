"""probekit tests whether a network has a property, with synthetic probes and comparable scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probekit.renamed import install_finder

if TYPE_CHECKING:
    from probekit.api.evidence import card, certify, compare
    from probekit.api.load import load
    from probekit.api.results import Results, results
    from probekit.api.run import run
    from probekit.api.survey import survey
    from probekit.plans.data import data
    from probekit.plugin.auxiliary import auxiliary_loss, collect_auxiliary_losses
    from probekit.plugin.components import Component
    from probekit.plugin.controls import Constant
    from probekit.plugin.declarations import Metric, Scale, Shape
    from probekit.plugin.errors import ProbekitError, UsageError
    from probekit.plugin.executor import WorkerExit
    from probekit.plugin.hookspecs import hookimpl
    from probekit.plugin.items import Items
    from probekit.plugin.probe import Probe
    from probekit.storage.result import Result

PUBLIC_NAMES = {
    "Component": "probekit.plugin.components",
    "Constant": "probekit.plugin.controls",
    "Items": "probekit.plugin.items",
    "Metric": "probekit.plugin.declarations",
    "Probe": "probekit.plugin.probe",
    "ProbekitError": "probekit.plugin.errors",
    "Result": "probekit.storage.result",
    "Results": "probekit.api.results",
    "Scale": "probekit.plugin.declarations",
    "Shape": "probekit.plugin.declarations",
    "UsageError": "probekit.plugin.errors",
    "WorkerExit": "probekit.plugin.executor",
    "auxiliary_loss": "probekit.plugin.auxiliary",
    "card": "probekit.api.evidence",
    "certify": "probekit.api.evidence",
    "collect_auxiliary_losses": "probekit.plugin.auxiliary",
    "compare": "probekit.api.evidence",
    "data": "probekit.plans.data",
    "hookimpl": "probekit.plugin.hookspecs",
    "load": "probekit.api.load",
    "results": "probekit.api.results",
    "run": "probekit.api.run",
    "survey": "probekit.api.survey",
}

__all__ = [
    "Component",
    "Constant",
    "Items",
    "Metric",
    "Probe",
    "ProbekitError",
    "Result",
    "Results",
    "Scale",
    "Shape",
    "UsageError",
    "WorkerExit",
    "auxiliary_loss",
    "card",
    "certify",
    "collect_auxiliary_losses",
    "compare",
    "data",
    "hookimpl",
    "load",
    "results",
    "run",
    "survey",
]


install_finder()


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562), so that `import probekit` is fast."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("probekit-nn")
    if name not in PUBLIC_NAMES:
        raise AttributeError(f"module 'probekit' has no attribute {name!r}")
    return getattr(import_module(PUBLIC_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(PUBLIC_NAMES)
