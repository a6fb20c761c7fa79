"""The conformance kit: small checks that hold a component to what its kind promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probekit.authors.check.bench import EncodingBench, LayerBench, StructureBench
from probekit.authors.check.data import ProbeBench
from probekit.authors.check.kit import Check, CheckFailed, Finding, fail, name_of
from probekit.authors.check.module import MODULE
from probekit.authors.check.parts import ENCODING, LAYER, STRUCTURE
from probekit.authors.check.probe import PROBE
from probekit.authors.check.ranges import ranges_hold
from probekit.authors.check.trainer import TRAINER, TrainerBench
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import Part, part
from probekit.catalog.registry import Registry, registry
from probekit.components import KINDS, Kind
from probekit.errors import UsageError, did_you_mean

__all__ = ["Check", "CheckFailed", "Finding", "checks", "fail"]

Promise = Callable[[Any], None]
PROMISES: Mapping[Kind, tuple[Callable[[Part, Registry, str], object], tuple[Promise, ...]]] = {
    "probe": (ProbeBench, (*PROBE, ranges_hold)),
    "structure": (StructureBench, (*MODULE, *STRUCTURE, ranges_hold)),
    "layer": (LayerBench, (*MODULE, *LAYER, ranges_hold)),
    "encoding": (EncodingBench, (*MODULE, *ENCODING, ranges_hold)),
    "trainer": (TrainerBench, (*TRAINER, ranges_hold)),
}
"""By kind: what puts a component on the bench, and what it promises there."""


def checks(
    kind: str, name: str, *, expected: Mapping[str, str] | None = None, known: Registry | None = None
) -> list[Check]:
    """Return the checks of a component, for pytest: each is called without arguments and named by str().

    name: as typed, "swirl", "swirl(heads=2)" or "./my_layer.py:Swirl". expected: why a check is known to
    fail, by the check's name; a component may say so itself, in an attribute `expected_failures`. A check
    that is declared to fail, or does not apply, is skipped; one that is declared to fail and holds, fails.
    Raises UsageError for an unknown kind or name, and for a check that there is none of.
    """
    subject = subject_of(kind, name, known or registry())
    _, promises = PROMISES[subject.part.component.kind]
    declared = {**getattr(subject.part.target, "expected_failures", {}), **(expected or {})}
    names = [name_of(promise) for promise in promises]
    for stray in declared.keys() - set(names):
        raise UsageError(
            f"the expected failure {stray!r}", "there is no such check", did_you_mean(stray, names)
        )
    return [
        Check(f"{kind} {name}", name_of(one), about(one), one, subject, declared.get(name_of(one), ""))
        for one in promises
    ]


def subject_of(kind: str, name: str, known: Registry) -> Any:
    """Put a component on the bench of its kind.

    Raises:
        UsageError: the kind or the name is unknown, or there is nothing to check of that kind.
    """
    found = next((one for one in KINDS if one == kind and one in PROMISES), None)
    if found is None:
        raise UsageError(f"checking a {kind}", "there is nothing to check", did_you_mean(kind, PROMISES))
    bench, _ = PROMISES[found]
    return bench(part(found, parse_term(name), known), known, name)


def about(promise: Promise) -> str:
    """Return the sentence that says what is promised."""
    return " ".join((promise.__doc__ or "").split())
