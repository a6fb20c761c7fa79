"""probekit tests whether a network has a property, with synthetic probes and comparable scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probekit.api.evidence import card, certify, compare
    from probekit.api.load import load
    from probekit.api.results import Results, results
    from probekit.api.run import run
    from probekit.auxiliary import auxiliary_loss, collect_auxiliary_losses
    from probekit.components import Component
    from probekit.controls import Constant
    from probekit.declarations import Metric, Scale, Shape
    from probekit.errors import ProbekitError, UsageError
    from probekit.hookspecs import hookimpl
    from probekit.items import Items
    from probekit.plans.data import data
    from probekit.storage.result import Result

PUBLIC_NAMES = {
    "Component": "probekit.components",
    "Constant": "probekit.controls",
    "Items": "probekit.items",
    "Metric": "probekit.declarations",
    "ProbekitError": "probekit.errors",
    "Result": "probekit.storage.result",
    "Results": "probekit.api.results",
    "Scale": "probekit.declarations",
    "Shape": "probekit.declarations",
    "UsageError": "probekit.errors",
    "auxiliary_loss": "probekit.auxiliary",
    "card": "probekit.api.evidence",
    "certify": "probekit.api.evidence",
    "collect_auxiliary_losses": "probekit.auxiliary",
    "compare": "probekit.api.evidence",
    "data": "probekit.plans.data",
    "hookimpl": "probekit.hookspecs",
    "load": "probekit.api.load",
    "results": "probekit.api.results",
    "run": "probekit.api.run",
}

__all__ = [
    "Component",
    "Constant",
    "Items",
    "Metric",
    "ProbekitError",
    "Result",
    "Results",
    "Scale",
    "Shape",
    "UsageError",
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
]


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
