"""Attaches the observers that users ask for: `PROBEKIT_OBSERVE="csv(path=runs.csv)"`, or a study file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from probekit.catalog.grammar import parse_expression
from probekit.catalog.part import Part, resolve_part
from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError, describe_error

VARIABLE = "PROBEKIT_OBSERVE"


def list_observers(texts: Sequence[str], registry: Registry) -> dict[str, Part]:
    """Return the observers that texts and $PROBEKIT_OBSERVE name, by their canonical text.

    Args:
        texts: observers with parameters, each text one or several joined by `+`.
        registry: the installed components.

    Raises:
        UsageError: a text cannot be parsed, or names no observer or parameter.
    """
    named = [*texts, *filter(None, [os.environ.get(VARIABLE, "").strip()])]
    terms = [term for text in named for term in parse_expression(text)]
    parts = [resolve_part("observer", term, registry) for term in terms]
    return {part.text: part for part in parts}


def attach_observers(texts: Sequence[str], registry: Registry) -> None:
    """Attach the observers that texts and $PROBEKIT_OBSERVE name; what cannot be made is a complaint."""
    try:
        parts = list_observers(texts, registry)
    except ProbekitError as error:
        registry.complaints.append(f"nothing observes the runs: {error}")
        return
    for text, part in parts.items():
        try:
            registry.attach_observer(text, part.make())
        except Exception as error:
            reason = str(error) if isinstance(error, ProbekitError) else describe_error(error)
            complaint = f"observer {text} does not observe the runs: {reason}"
            if complaint not in registry.complaints:
                registry.complaints.append(complaint)
