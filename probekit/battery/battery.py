"""The battery is the list of solvers, and what each of them scores on a probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from probekit.battery import features
from probekit.battery.constants import Mode, MostFrequentAnswer
from probekit.battery.features import PatchBag, join, past_offsets, square_offsets
from probekit.battery.in_item import Codebook, NearestCentroid, NearestNeighbour, Regression
from probekit.battery.learners import Forest, Table
from probekit.battery.lookups import LookUp
from probekit.battery.memory import ItemNumber, NearestItem
from probekit.battery.order import MachineAndSums, ModularSums, WindowMachine
from probekit.battery.solver import FeatureSolver, Solver
from probekit.battery.view import FIT_ITEMS, TEST_ITEMS, NotApplicable, Rows, View, view_probe
from probekit.plugin.interfaces import Metric, Probe
from probekit.scores.score import better_score
from probekit.storage.result import Number, Scores, normalize_score

if TYPE_CHECKING:
    from torch import Tensor

RADII = (0, 1, 2, 3)
PAST = 7
PATCHES = {1: square_offsets(1, 1), 2: [(0, 0), (0, 1), (1, 0), (1, 1)]}
"""The offsets of a patch by number of dimensions: three positions, or two by two."""
LOCAL, FAR = ("nonlocality", "memory", "connectedness"), ("order", "position", "binding")


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

    @property
    def counts(self) -> bool:
        """Whether the score counts for the floor."""
        return bool(self.scores) and not self.legitimate


def list_solvers() -> tuple[Solver, ...]:
    """Return new solvers, from those that see least to those that see most."""
    windows = [
        FeatureSolver(
            f"window of radius {radius}",
            f"It sees nothing farther than {radius} positions away.",
            LOCAL,
            Table([(2 * smaller + 1) ** dims for smaller in range(radius, -1, -1) for dims in (1,)]),
            WindowFeatures(radius),
            light=radius <= 1,
        )
        for radius in RADII
    ]
    past = [
        FeatureSolver(
            f"window of the last {PAST} positions",
            f"It sees nothing that lies more than {PAST - 1} positions back.",
            LOCAL,
            Table(range(PAST, 0, -1)),
            read_past,
            light=True,
        )
    ]
    return (
        FeatureSolver("constant", "It does not see the input.", ("any property",), Table(), read_nothing, True),
        Mode(),
        FeatureSolver(
            "position alone",
            "It knows where a position is, and nothing of the input.",
            ("any property",),
            Table(),
            features.read_coordinates,
            True,
        ),
        FeatureSolver(
            "position and length",
            "It knows the position and how much of the item is background.",
            ("any property",),
            Table(),
            features.read_length,
            True,
        ),
        ItemNumber(),
        MostFrequentAnswer(),
        *windows,
        *past,
        WindowMachine(),
        FeatureSolver(
            "forest over a window of radius 3",
            "It sees nothing farther than 3 positions away.",
            LOCAL,
            Forest(),
            read_wide_window,
        ),
        FeatureSolver(
            "column",
            "It sees one column of the map, of full height.",
            LOCAL,
            Table(),
            features.read_column,
            True,
        ),
        FeatureSolver(
            "bag of tokens", "It counts, and knows no order and no place.", FAR, Forest(), features.read_counts
        ),
        FeatureSolver(
            "bag of tokens by line",
            "It counts each line of a map, and knows no horizontal place.",
            FAR,
            Forest(),
            features.read_line_counts,
        ),
        FeatureSolver(
            "bag of patches", "It counts small patches, and knows no place.", FAR, Forest(), PatchBag(PATCHES)
        ),
        FeatureSolver(
            "set of columns",
            "It knows which columns a map holds, and not where.",
            FAR,
            Table((3, 2)),
            PatchBag(None, as_set=True),
            True,
        ),
        FeatureSolver(
            "window joined with bags",
            "It sees a window of radius 1 and counts the rest; it knows neither place nor order of the rest.",
            FAR,
            Forest(),
            JoinedFeatures(),
        ),
        FeatureSolver(
            "sums in any order, modulo 2, 3 and 5",
            "It adds up the tokens so far, and knows no order.",
            ("state tracking",),
            Table(),
            ModularSums(),
            True,
        ),
        MachineAndSums(),
        *(Regression(degree) for degree in (1, 2, 3)),
        NearestCentroid(),
        NearestNeighbour(),
        Codebook(64),
        Codebook(512),
        LookUp(),
        LookUp(exclude=True),
        LookUp(steps=2),
        NearestItem(),
    )


def read_nothing(view: View, rows: Rows) -> Tensor:
    """Return no information about each row, (rows, 1)."""
    return rows[0][:, None] * 0


class WindowFeatures:
    """Describes a row by the symbols of its window.

    Args:
        radius: Radius of the window.
    """

    def __init__(self, radius: int) -> None:
        self.radius = radius

    def __call__(self, view: View, rows: Rows) -> Tensor:
        return features.read_window(view, rows, square_offsets(len(view.form.size), self.radius))


def read_past(view: View, rows: Rows) -> Tensor:
    """Return the symbols of each row and of those before it."""
    features.require_sequences(view)
    return features.read_window(view, rows, past_offsets(PAST))


def read_wide_window(view: View, rows: Rows) -> Tensor:
    """Return the symbols of a window of radius 3, or its channels if there are too many symbols."""
    offsets = square_offsets(len(view.form.size), 3)
    if view.form.codes is not None:
        return features.read_window(view, rows, offsets)
    channels = [
        features.read_offsets(channel, rows, offsets, -1) for channel in view.inputs.unbind(1)
    ]
    return join(*channels)


class JoinedFeatures:
    """Describes a row by its window of radius 1, its coordinates, and the counts of tokens and patches."""

    def __init__(self) -> None:
        self.patches = PatchBag(PATCHES)

    def __call__(self, view: View, rows: Rows) -> Tensor:
        window = features.read_window(view, rows, square_offsets(len(view.form.size), 1))
        blocks = [window, features.read_coordinates(view, rows), features.read_counts(view, rows)]
        return join(*blocks, self.patches(view, rows))


def focus_metric(probe: Probe) -> Metric:
    """Return the metric that judges controls: the probe's `focus`, by default its headline metric."""
    name = getattr(probe, "focus", probe.metrics[0].name)
    return next(metric for metric in probe.metrics if metric.name == name)


def run_battery(
    probe: Probe,
    *,
    light: bool = False,
    fit_items: int = FIT_ITEMS,
    test_items: int = TEST_ITEMS,
    solvers: Sequence[Solver] | None = None,
    watch: Callable[[str, Mapping[str, float]], None] | None = None,
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
    solvers = solvers or [solver for solver in list_solvers() if solver.light or not light]
    metric = focus_metric(probe)
    try:
        train, test = view_probe(probe, metric, fit_items, test_items)
    except NotApplicable as error:
        return tuple(describe_solver(solver, not_applicable=str(error)) for solver in solvers)
    reasons: Mapping[str, str] = getattr(probe, "solved_by", {})
    chance = metric.chance
    table: list[SolverScore] = []
    for step, solver in enumerate(solvers, 1):
        try:
            solver.fit(train)
            output = test.place_answers(solver.predict(test))
        except NotApplicable as error:
            table.append(describe_solver(solver, not_applicable=str(error)))
            continue
        finally:
            if watch:
                watch("attack", {"step": step, "steps": len(solvers)})
        scores = {each.name: test.score_output(output, each) for each in {metric, probe.metrics[0]}}
        score = scores[metric.name]
        chance = score if chance is None else chance
        table.append(
            describe_solver(
                solver,
                scores=scores,
                normalized_score=normalize_score(score, chance, metric.perfect),
                items=len(train),
                legitimate=reasons.get(solver.name, ""),
            )
        )
    return tuple(table)


def describe_solver(solver: Solver, **values: object) -> SolverScore:
    """Return the entry of a solver."""
    return SolverScore(solver=solver.name, lacks=solver.lacks, against=solver.against, **values)  # type: ignore[arg-type]


def find_best(table: Sequence[SolverScore], metric: Metric) -> SolverScore | None:
    """Return the solver with the best score among those that count for the floor; None without any."""
    best: SolverScore | None = None
    for entry in table:
        score = entry.scores.get(metric.name) if entry.counts else None
        if score is not None and (best is None or better_score(metric, score, best.scores[metric.name]) == score):
            best = best if best is not None and best.scores[metric.name] == score else entry
    return best
