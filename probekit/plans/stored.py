"""A stored plan is read again: what code it names, and what it rests on that has changed since."""

from __future__ import annotations

from probekit.catalog.files import digest_of, usual
from probekit.catalog.grammar import file_names, parse
from probekit.errors import UsageError
from probekit.plans.plan import Plan


def code_in(plan: Plan) -> list[str]:
    """Return the terms of a plan that are files: performing it runs their code."""
    texts = (
        plan.probe,
        plan.structure,
        plan.trainer,
        plan.spec.probe,
        plan.spec.structure,
        plan.spec.trainer,
    )
    return list(dict.fromkeys(name for text in texts for name in file_names(text)))


def hold(plan: Plan) -> None:
    """Raise UsageError where a file that a plan names is not the one that was run; it is read, never run."""
    terms = (term for text in (plan.probe, plan.structure, plan.trainer) for term in parse(text))
    pins = {term.name.partition("@")[0]: term.name.partition("@")[2] for term in terms}
    for name in code_in(plan):
        pin = pins.get(usual(name), "")
        if not pin or digest_of(name) != pin:
            raise UsageError(
                f"running {name.partition('@')[0]} again",
                "it is not the file that was run",
                "Put that one in its place, or run this one by `probekit run`.",
            )


def changed(before: Plan, after: Plan) -> list[str]:
    """Return in words what a stored plan rests on that is another now."""
    was = {(used.kind, used.name): used for used in before.components}
    return [
        f"the {used.kind} {used.name}"
        for used in after.components
        if (old := was.get((used.kind, used.name))) is None or old.hashed != used.hashed
    ]
