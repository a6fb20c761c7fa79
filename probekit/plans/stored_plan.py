"""Checks on stored plans: which code they name, and what has changed since they were stored."""

from __future__ import annotations

from probekit.catalog.files import hash_named_file, normalize_file_name
from probekit.catalog.grammar import list_files, parse_expression
from probekit.catalog.terms import walk_terms
from probekit.plans.plan import Plan
from probekit.plugin.errors import UsageError


def list_code(plan: Plan) -> list[str]:
    """Return the terms of a plan that are files: running the plan runs their code."""
    spec = plan.spec
    texts = (plan.probe, plan.structure, plan.trainer, spec.probe, spec.structure, spec.trainer)
    return list(dict.fromkeys(name for text in texts for name in list_files(text)))


def check_code(plan: Plan) -> None:
    """Check that the files a plan names are those that were run; their code is read, not run.

    Raises:
        UsageError: A file has changed.
    """
    texts = (plan.probe, plan.structure, plan.trainer)
    terms = (term for text in texts for term in walk_terms(parse_expression(text)))
    pins = {name: pin for name, _, pin in (term.name.partition("@") for term in terms)}
    for name in list_code(plan):
        pin = pins.get(normalize_file_name(name), "")
        if not pin or hash_named_file(name) != pin:
            raise UsageError(
                f"running {name.partition('@')[0]} again",
                "it is not the file that was run",
                "Put that file back, or run this one with `probekit run`.",
            )


def list_changes(before: Plan, after: Plan) -> list[str]:
    """Return in words which components of a stored plan have changed."""
    stored = {(used.kind, used.name): used.identity_fields for used in before.components}
    return [
        f"the {used.kind} {used.name}"
        for used in after.components
        if stored.get((used.kind, used.name)) != used.identity_fields
    ]
