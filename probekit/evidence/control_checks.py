"""The controls of a probe, fitted or trained with three seeds, and how far they come."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, cast

from probekit.battery.attack import SolverScore, find_best, focus_metric
from probekit.battery.floor import MAX_SHORTCUT
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import Part, find_part
from probekit.catalog.registry import Registry
from probekit.evidence.focus import MAX_NETWORK_CONTROL, ControlCheck, judge_controls
from probekit.evidence.item_checks import Check
from probekit.plans.job import make_job
from probekit.plans.scale import find_addition, make_probe_at
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.errors import ComponentError, UsageError, name_culprit
from probekit.plugin.interfaces import Control, Probe
from probekit.runs.run import run_job
from probekit.scores.score import score_closed_form
from probekit.storage.result import Result, Scores
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module

    from probekit.runs.session import ProgressListener

SEEDS = (0, 1, 2)
CONTROL_SEEDS = len(SEEDS)


def check_controls(
    text: str,
    scale: str,
    registry: Registry,
    store: Store,
    device: str | None,
    watch: ProgressListener,
    shortcuts: Sequence[SolverScore],
    added: Sequence[str] = (),
) -> tuple[Check, dict[str, list[Result]], dict[str, Scores]]:
    """Fit the controls and check that none comes near a perfect score.

    The metric is the probe's `focus`, by default its headline metric. Networks are trained with three seeds;
    the mean is measured from the floor, the best of the closed-form controls and of the battery.

    A control that raises an exception, or whose training fails, fails the check; the others are judged.

    Args:
        text: The probe as typed.
        scale: The name of the scale.
        registry: The installed components.
        store: Where runs of networks are stored.
        device: Where networks are trained.
        watch: Receives progress events.
        shortcuts: Scores of the battery.
        added: Controls that plugins add to the probe.

    Returns:
        The check; the results of the controls that are networks, by name, one per seed; and the scores of
        the closed-form controls that are added, by plugins or after results were stored.

    Raises:
        ComponentError: The probe cannot give its data or its controls.
    """
    probe = make_probe_at(text, scale, registry)
    added_parts = find_added_controls(text, probe, registry, added)
    extra: dict[str, Control | Callable[..., Module]] = {
        name: part.make(probe) for name, part in added_parts.items()
    }
    with name_culprit("its method `data`"):
        train, test = probe.data("train", 0), probe.data("test", 0)
    with name_culprit("its method `controls`"):
        controls = {**probe.controls(), **extra}
    metric = focus_metric(probe)
    closed: dict[str, float | None] = {}
    networks: dict[str, list[Result]] = {}
    failures: dict[str, str] = {}
    added_scores: dict[str, Scores] = {}
    for title, control in controls.items():
        if hasattr(control, "fit"):
            try:
                with name_culprit(f"the control {title}"):
                    scores = score_closed_form(control, probe, train, test, len(test))
                closed[title] = scores[metric.name]
                if title in extra or title in probe.added_controls:
                    added_scores[title] = scores
            except ComponentError as error:
                failures[title] = f"{error.request}: {error.problem}"
            continue
        name = f"control-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"
        component = Component("structure", name, cast("Any", control), "a control")
        with_control = registry.with_components(component)
        for seed in SEEDS:
            spec = make_spec(probe=text, structure=component.name, scale=scale, seed=seed)
            job = make_job(spec, with_control)
            outcome = run_job(job, with_control, device=device, store=store, watch=watch)
            if outcome.result.status != "done":
                networks.pop(title, None)
                failures[title] = f"the control {title}, seed {seed}: {outcome.result.error}"
                break
            networks.setdefault(title, []).append(outcome.result)
    shortcut = find_best(shortcuts, metric)
    judged = judge_controls(
        metric,
        closed,
        {title: average_seeds(results).get(metric.name) for title, results in networks.items()},
        shortcut.scores.get(metric.name) if shortcut else None,
    )
    spreads = {title: measure_spread(results).get(metric.name) for title, results in networks.items()}
    parts = [
        f"{group} at most {limit:.0%}: "
        + ", ".join(f"{title} {format_control(judged[title], spreads.get(title))}" for title in titles)
        for group, limit, titles in (
            ("closed-form controls, from chance,", MAX_SHORTCUT, closed),
            (f"network controls, {len(SEEDS)} seeds, from the floor,", MAX_NETWORK_CONTROL, networks),
        )
        if titles
    ]
    parts += [f"not measured: {problem}" for problem in failures.values()]
    check = Check(
        name="focused",
        holds=not failures and all(control.holds for control in judged.values()),
        evidence=f"normalised score (and score) of the controls in {metric.name}; {'; '.join(parts)}",
    )
    return check, networks, added_scores


def find_added_controls(text: str, probe: Probe, registry: Registry, added: Sequence[str]) -> dict[str, Part]:
    """Return the controls that plugins add to a probe, by their texts.

    Raises:
        UsageError: There is no such control of this probe, or the probe has one of that name.
    """
    source = find_part("probe", parse_term(text).name, registry)
    controls: dict[str, Part] = {}
    for name in added:
        control = find_addition("control", name, source, registry)
        if control.text in probe.controls():
            problem = "the probe has a control of that name"
            raise UsageError(f"control {name}", problem, "Leave it out; its author can give it another name.")
        controls[control.text] = control
    return controls


def average_seeds(results: Sequence[Result]) -> Scores:
    """Return the mean of each metric over seeds; None if a seed lacks it."""
    return summarize_seeds(results, mean)


def measure_spread(results: Sequence[Result]) -> Scores:
    """Return the standard deviation of each metric over seeds; None if a seed lacks it."""
    return summarize_seeds(results, stdev)


def summarize_seeds(results: Sequence[Result], statistic: Callable[[Sequence[float]], float]) -> Scores:
    """Return a statistic of each metric over seeds; None if a seed lacks the metric."""
    columns = {name: [result.metrics.get(name) for result in results] for name in results[0].metrics}
    return {
        name: None if None in column else statistic(cast("list[float]", column))
        for name, column in columns.items()
    }


def format_control(control: ControlCheck, spread: float | None) -> str:
    """Return a control's normalised score, followed by its score and its spread over seeds."""
    if control.normalized_score is None:
        return "-"
    seeds = "" if spread is None else f" ± {spread:.3f}"
    return f"{control.normalized_score:z.0%} ({control.score:.3f}{seeds})"
