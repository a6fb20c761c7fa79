"""Checks on stored plans: which code they name, and what has changed since they were stored."""

from __future__ import annotations

from probekit.catalog.files import digest_of, usual
from probekit.catalog.grammar import file_names, parse
from probekit.errors import UsageError
from probekit.plans.plan import Plan


def code_in(plan: Plan) -> list[str]:
    """Return the terms of a plan that are files: running the plan runs their code."""
    spec = plan.spec
    texts = (plan.probe, plan.structure, plan.trainer, spec.probe, spec.structure, spec.trainer)
    return list(dict.fromkeys(name for text in texts for name in file_names(text)))


def hold(plan: Plan) -> None:
    """Check that the files a plan names are those that were run; their code is read, not run.

    Raises:
        UsageError: A file has changed.
    """
    terms = (term for text in (plan.probe, plan.structure, plan.trainer) for term in parse(text))
    pins = {name: pin for name, _, pin in (term.name.partition("@") for term in terms)}
    for name in code_in(plan):
        pin = pins.get(usual(name), "")
        if not pin or digest_of(name) != pin:
            raise UsageError(
                f"running {name.partition('@')[0]} again",
                "it is not the file that was run",
                "Put that file back, or run this one with `probekit run`.",
            )


def changed(before: Plan, after: Plan) -> list[str]:
    """Return in words which components of a stored plan have changed."""
    stored = {(used.kind, used.name): used.identity_fields for used in before.components}
    return [
        f"the {used.kind} {used.name}"
        for used in after.components
        if stored.get((used.kind, used.name)) != used.identity_fields
    ]
