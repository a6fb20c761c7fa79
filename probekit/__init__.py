"""probekit: does this network have this property? Synthetic probes, honest scores."""

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
    from probekit.errors import ProbekitError, UsageError
    from probekit.hookspecs import hookimpl
    from probekit.interfaces import Metric, Scale, Shape
    from probekit.items import Items
    from probekit.plans.data import data
    from probekit.storage.result import Result

HOMES = {
    "Component": "probekit.components",
    "Constant": "probekit.controls",
    "Items": "probekit.items",
    "Metric": "probekit.interfaces",
    "ProbekitError": "probekit.errors",
    "Result": "probekit.storage.result",
    "Results": "probekit.api.results",
    "Scale": "probekit.interfaces",
    "Shape": "probekit.interfaces",
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
    """Fetch a public name when it is asked for (PEP 562), so that importing probekit costs nothing."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("probekit-nn")
    if name not in HOMES:
        raise AttributeError(f"module 'probekit' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(HOMES)
