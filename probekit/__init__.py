"""probekit: does this network have this property? Synthetic probes, honest scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probekit.components import Component
    from probekit.controls import Constant
    from probekit.errors import ProbekitError, UsageError
    from probekit.hookspecs import hookimpl
    from probekit.interfaces import Metric, Scale, Shape
    from probekit.items import Items
    from probekit.runs.data import data
    from probekit.runs.run import run
    from probekit.storage.result import Result

HOMES = {
    "Component": "probekit.components",
    "Constant": "probekit.controls",
    "Items": "probekit.items",
    "Metric": "probekit.interfaces",
    "ProbekitError": "probekit.errors",
    "Result": "probekit.storage.result",
    "Scale": "probekit.interfaces",
    "Shape": "probekit.interfaces",
    "UsageError": "probekit.errors",
    "data": "probekit.runs.data",
    "hookimpl": "probekit.hookspecs",
    "run": "probekit.runs.run",
}

__all__ = [
    "Component",
    "Constant",
    "Items",
    "Metric",
    "ProbekitError",
    "Result",
    "Scale",
    "Shape",
    "UsageError",
    "data",
    "hookimpl",
    "run",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name when it is asked for (PEP 562), so that importing probekit costs nothing."""
    from importlib import import_module

    if name not in HOMES:
        raise AttributeError(f"module 'probekit' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(HOMES)
