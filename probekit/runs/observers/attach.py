"""Attaches the observers that users ask for: `PROBEKIT_OBSERVE="csv(path=runs.csv)"`, or a study file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from probekit.catalog.grammar import parse_expression
from probekit.catalog.part import Part, resolve_part
from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError, UsageError

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
    for term in terms:
        if term.layers:
            raise UsageError(f"the observers {term}", "a comma is between layers only", "Join terms by '+'.")
    parts = [resolve_part("observer", term, registry) for term in terms]
    return {part.text: part for part in parts}


@contextlib.contextmanager
def attach_observers(texts: Sequence[str], registry: Registry) -> Iterator[None]:
    """Let the observers that texts and $PROBEKIT_OBSERVE name observe the runs in the block.

    An observer that cannot be made is a complaint of the registry.
    """
    names = []
    try:
        for text, part in find_observers(texts, registry).items():
            names.append(text)
            try:
                registry.attach_observer(text, part.make())
            except ProbekitError as error:
                registry.complaints.append(f"observer {text} does not observe the runs: {error}")
        yield
    finally:
        for name in names:
            registry.detach_observer(name)


def find_observers(texts: Sequence[str], registry: Registry) -> dict[str, Part]:
    """Return what `list_observers` does; an error is a complaint of the registry."""
    try:
        return list_observers(texts, registry)
    except ProbekitError as error:
        registry.complaints.append(f"nothing observes the runs: {error}")
        return {}
