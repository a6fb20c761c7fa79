"""An attack fits each solver of the battery to a probe and scores it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from probekit.battery.battery import list_solvers
from probekit.battery.form import NotApplicable
from probekit.battery.items import FIT_ITEMS, TEST_ITEMS, view_probe
from probekit.battery.solver import Solver
from probekit.battery.view import View
from probekit.plugin.interfaces import Metric, Probe
from probekit.storage.result import Number, Scores, normalize_score

if TYPE_CHECKING:
    from probekit.runs.session import ProgressListener


class SolverScore(BaseModel):
    """The score of one solver on a probe.

    Attributes:
        solver: Its name.
        lacks: What it cannot do.
        against: Properties that a probe does not need if it solves it.
        scores: Its score by metric; empty if it does not apply.
        normalized_score: Its score in the metric that judges controls, from chance (0) to perfect (1).
        items: How many training items it was fitted on.
        legitimate: Why it may solve the probe; "" if it counts for the floor.
        not_applicable: Why it does not apply; "" if it does.
    """

    model_config = ConfigDict(frozen=True)

    solver: str
    lacks: str
    against: tuple[str, ...] = ()
    scores: Scores = {}
    normalized_score: Number = None
    items: int = 0
    legitimate: str = ""
    not_applicable: str = ""


def focus_metric(probe: Probe) -> Metric:
    """Return the metric that judges controls: the probe's `focus`, by default its headline metric."""
    name = probe.focus or probe.metrics[0].name
    return next(metric for metric in probe.metrics if metric.name == name)


def run_battery(
    probe: Probe,
    *,
    light: bool = False,
    fit_items: int = FIT_ITEMS,
    test_items: int = TEST_ITEMS,
    solvers: Sequence[Solver] | None = None,
    watch: ProgressListener | None = None,
) -> tuple[SolverScore, ...]:
    """Fit each solver of the battery to a probe and score it on test items.

    Args:
        probe: The probe.
        light: Run only the solvers that take a second or less.
        fit_items: Greatest number of training items.
        test_items: Greatest number of test items.
        solvers: The solvers; None for the battery.
        watch: Receives progress events.
    """
    if solvers is None:
        solvers = [solver for solver in list_solvers() if solver.light or not light]
    metric = focus_metric(probe)
    try:
        train, test = view_probe(probe, metric, fit_items, test_items)
    except NotApplicable as error:
        return tuple(describe_solver(solver, not_applicable=str(error)) for solver in solvers)
    table: list[SolverScore] = []
    for step, solver in enumerate(solvers, 1):
        table.append(score_solver(solver, probe, metric, train, test))
        if watch:
            watch("attack", {"step": step, "steps": len(solvers)})
    chance = metric.chance if metric.chance is not None else table[0].scores.get(metric.name)
    shares = [normalize_score(entry.scores.get(metric.name), chance, metric.perfect) for entry in table]
    return tuple(
        entry.model_copy(update={"normalized_score": share})
        for entry, share in zip(table, shares, strict=True)
    )


def score_solver(solver: Solver, probe: Probe, metric: Metric, train: View, test: View) -> SolverScore:
    """Fit a solver and return its scores.

    The metrics are the one that judges controls, the headline metric, and those that state their chance.
    """
    try:
        solver.fit(train)
        output = test.place_answers(solver.predict(test))
    except NotApplicable as error:
        return describe_solver(solver, not_applicable=str(error))
    stated = (other for other in probe.metrics if other.chance is not None)
    metrics = {judged.name: judged for judged in (metric, probe.metrics[0], *stated)}
    return describe_solver(
        solver,
        scores={name: test.score_output(output, judged) for name, judged in metrics.items()},
        items=len(train),
        legitimate=find_reason(probe, solver.name),
    )


def find_reason(probe: Probe, solver: str) -> str:
    """Return why the probe says that a solver has its property, "" if it does not say so."""
    return next((reason for pattern, reason in probe.solved_by.items() if fnmatchcase(solver, pattern)), "")


def list_unknown_solvers(probe: Probe) -> list[str]:
    """Return the patterns in the probe's `solved_by` that fit no solver."""
    names = [solver.name for solver in list_solvers()]
    return [pattern for pattern in probe.solved_by if not any(fnmatchcase(name, pattern) for name in names)]


def describe_solver(solver: Solver, **values: Any) -> SolverScore:
    """Return the entry of a solver."""
    return SolverScore(solver=solver.name, lacks=solver.lacks, against=solver.against, **values)


def find_best(table: Sequence[SolverScore], metric: Metric) -> SolverScore | None:
    """Return the solver with the best score among those that count for the floor; None without any."""
    sign = -1 if metric.better == "lower" else 1
    ranked = [
        (sign * score, -index)
        for index, entry in enumerate(table)
        if not entry.legitimate and (score := entry.scores.get(metric.name)) is not None
    ]
    return table[-max(ranked)[1]] if ranked else None
