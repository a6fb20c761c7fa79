"""Installed components beside stored runs: whether they behave alike, and the noise that they state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from probekit.cards.names import Names
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.evidence.bounds import Bound
from probekit.evidence.estimate_runs import gather_noise
from probekit.evidence.noise_model import ScaleNoise
from probekit.plans.job import make_job
from probekit.plans.noise import reload_noises
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Probe
from probekit.runs.fingerprint import observe_probe
from probekit.runs.machine import choose_device
from probekit.runs.replay import Replay
from probekit.storage.behaviour import Behaviour, Numbers
from probekit.storage.equivalence import has_same_setup, matches_probe
from probekit.storage.result import Result


def observe_installed_probe(names: Names, text: str) -> Numbers:
    """Return the numbers of a probe as it is installed; none if it cannot be made here."""
    try:
        probe = names.probe(text)
        target = resolve_part("probe", parse_term(text), names.registry).target
    except ProbekitError:
        return {}
    return observe_probe(target, text, probe)


def behaves_as_installed(names: Names, result: Result) -> bool:
    """Tell whether the installed structure and trainer behave as those of a run did."""
    plan = result.plan
    try:
        for text in (plan.probe, plan.structure, plan.trainer):
            names.refuse_files(text)
        replay = Replay(make_job(plan.spec, names.registry), choose_device("cpu"))
        recipe = replay.recipe if result.behaviour.recipe else {}
        behaviour = Behaviour(structure=replay.structure, recipe=recipe)
    except ProbekitError:
        return False
    update = {"plan": replay.job.plan, "behaviour": behaviour, "environment": replay.environment}
    return has_same_setup(result, result.model_copy(update=update))


def gather_noises(
    first: Result,
    done: Sequence[Result],
    floors: Mapping[str, Bound],
    probe: Probe,
    names: Names,
) -> dict[str, ScaleNoise]:
    """Return the noise between seeds by metric, as the probe states it and as the runs themselves show it.

    What the probe states does not count if it was measured on another probe.

    Args:
        first: A run of the column.
        done: All its scored runs.
        floors: Floors by metric.
        probe: The probe.
        names: Names as they were typed, and the installed components.
    """
    stated: dict[str, float] = next(
        filter(None, reload_noises((result.plan for result in done), names.registry)), {}
    )
    scale = probe.scales.get(first.plan.scale)
    if scale is not None and scale.noise_column_key and first.behaviour.probe:
        stated = stated if matches_probe(first.behaviour.probe, scale.noise_column_key) else {}
    current = scale if scale is not None and stated and stated == dict(scale.noise) else None
    rows: dict[str, list[Result]] = defaultdict(list)
    for result in done:
        rows[result.plan.structure].append(result)
    return {
        metric.name: gather_noise(metric, rows, floors[metric.name].value, current, stated.get(metric.name))
        for metric in probe.metrics
    }
