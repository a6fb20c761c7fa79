"""Whether what the survey says of a probe is about the version that is installed."""

from __future__ import annotations

from typing import Any

from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError


def find_probe(text: str, registry: Registry) -> Any:
    """Return the class of a probe by its text, None if it is not installed."""
    try:
        return registry.load_target(registry.find_component("probe", parse_term(text).name))
    except ProbekitError:
        return None


def is_current(version: str, probe: Any) -> bool:
    """Tell whether this is the version of an installed probe; verdicts on another are not comparable."""
    return hasattr(probe, "version") and str(probe.version) == version


def describe_version(version: str, probe: Any) -> str:
    """Return a version in words, and whether the installed probe, if any, is another version."""
    if not hasattr(probe, "version"):
        return f"{version} (not installed)"
    return version if is_current(version, probe) else f"{version} (old; installed: {probe.version})"
