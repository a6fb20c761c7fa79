"""Checks of a probe's floor: its controls fail, and the quick solvers of the battery do."""

from __future__ import annotations

from typing import Any, cast

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.probes.data import MAX_ITEMS, ProbeFixture
from probekit.battery.attack import focus_metric, list_unknown_solvers, run_battery
from probekit.battery.floor import describe_floor, is_low_enough
from probekit.evidence.focus import judge_controls
from probekit.plugin.declarations import StandardSplit
from probekit.plugin.interfaces import Control, Dataset, Probe, Split
from probekit.scores.score import score_closed_form


def controls_fail(fixture: ProbeFixture) -> None:
    """A closed-form control gives the floor, no control scores near perfect, and networks can be built."""
    import torch

    probe = fixture.probe
    train, test = probe.data("train", 0), probe.data("test", 0)
    metric = focus_metric(probe)
    focus = metric.name
    closed: dict[str, float | None] = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed[name] = score_closed_form(control, probe, train, test, min(MAX_ITEMS, len(test)))[focus]
        else:
            network = cast("Any", control)(probe.shape, width=4)
            network(torch.zeros(1, probe.shape.inputs, *probe.shape.size))
    if not closed:
        fail(
            "no control has a method `fit`",
            "Add a control in closed form, such as probekit.Constant; the best of them is the floor.",
        )
    for name, outcome in judge_controls(metric, closed, {}).items():
        if not outcome.holds:
            reached = outcome.normalized_score
            score = "no score" if reached is None else f"{reached:.0%} of the way from chance to perfect"
            fail(
                f"control {name} reaches {score} in {focus}",
                f"At most {outcome.limit:.0%} is allowed: otherwise the probe does not need the property.",
            )


def controls_learn_from_training_items_only(fixture: ProbeFixture) -> None:
    """A closed-form control is fitted on the items that it is given, and none draws others."""
    probe = fixture.probe
    train, (inputs, _) = probe.data("train", 0), fixture.items("test", limit=8)
    draws = watch_draws(probe)

    def require_none(subject: str) -> None:
        if draws:
            hint = "Fit a control on the items that `fit` is given: these are of the training split."
            fail(f"{subject} draws items of {draws[0]} by itself", hint)

    controls = probe.controls()
    require_none("the method `controls`")
    for name, control in controls.items():
        if hasattr(control, "fit"):
            control.fit(train)
            cast("Control", control)(inputs.clone())
            require_none(f"control {name}")


def watch_draws(probe: Probe) -> list[Split]:
    """Return a list that receives each split whose items a probe draws from now on."""
    draws: list[Split] = []
    original = probe.data

    def watch_data(split: StandardSplit, seed: int) -> Dataset:
        draws.append(split)
        return original(split, seed)

    object.__setattr__(probe, "data", watch_data)
    return draws


def resists_shortcuts(fixture: ProbeFixture) -> None:
    """No quick solver of the battery comes more than half of the way from chance to perfect.

    `probekit certify` runs all solvers. A probe names those that have its property in `solved_by`.
    """
    metric = focus_metric(fixture.probe)
    table = run_battery(fixture.probe, light=True)
    if unknown := list_unknown_solvers(fixture.probe):
        names = ", ".join(unknown)
        fail(f"solved_by names {names}, and there is no such solver", "See the table of `probekit certify`.")
    if all(entry.not_applicable for entry in table):
        raise DoesNotApply(table[0].not_applicable)
    if not is_low_enough(table, metric):
        fail(
            describe_floor(table, metric),
            "Change the items, or name the solver in `solved_by` with the reason why it has the property.",
        )
