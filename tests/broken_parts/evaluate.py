"""Evaluates the checks of a component."""

from __future__ import annotations

from collections.abc import Collection

from probekit.authors.check import Finding, checks
from probekit.catalog.registry import registry
from probekit.plugin.components import Component


def evaluate_checks(component: Component, chosen: str | None, slow: Collection[str]) -> list[Finding]:
    """Return what one check finds of a component, or all but the slow ones."""
    known = registry().with_components(component)
    return [
        check.evaluate()
        for check in checks(component.kind, component.name, registry=known)
        if check.name == chosen or (chosen is None and check.name not in slow)
    ]
