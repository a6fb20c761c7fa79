"""Comparison of stored runs with the installed components, without any training."""

from __future__ import annotations

from probekit.cards.names import Names
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.plans.job import make_job
from probekit.plugin.errors import ProbekitError
from probekit.runs.fingerprint import observe_probe
from probekit.runs.first_steps import observe_structure, observe_training
from probekit.runs.machine import choose_device, read_environment
from probekit.storage.behaviour import Behaviour, Numbers
from probekit.storage.equivalence import has_same_setup
from probekit.storage.result import Result


def observe_installed_probe(names: Names, text: str) -> Numbers | None:
    """Return the numbers of a probe as it is installed, None if it cannot be made here."""
    try:
        probe = names.probe(text)
        target = resolve_part("probe", parse_term(text), names.registry).target
    except ProbekitError:
        return None
    return observe_probe(target, text, probe)


def behaves_as_installed(names: Names, result: Result) -> bool:
    """Tell whether the installed structure and trainer behave as those of a run did."""
    plan, device = result.plan, choose_device("cpu")
    try:
        for text in (plan.probe, plan.structure, plan.trainer):
            names.refuse_files(text)
        job = make_job(plan.spec, names.registry)
        recipe = observe_training(job.with_seed(0), device) if result.behaviour.recipe else {}
        behaviour = Behaviour(structure=observe_structure(job, device), recipe=recipe)
    except ProbekitError:
        return False
    update = {"plan": job.plan, "behaviour": behaviour, "environment": read_environment(device)}
    return has_same_setup(result, result.model_copy(update=update))
