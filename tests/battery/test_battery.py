"""What is guarded: each solver of the battery finds its shortcut, and stays at chance without it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from broken_parts.probes import Solved
from planted import PLANTED, PlantedProbe, draw_item, draw_positions

from probekit.battery.attack import SolverScore, describe_solver, find_best, focus_metric, run_battery
from probekit.battery.battery import list_solvers
from probekit.battery.floor import describe_floor, is_low_enough, list_inapplicable, make_rows
from probekit.battery.items import view_probe
from probekit.battery.order import find_null_space
from probekit.catalog.registry import registry
from probekit.cli.commands.show import describe_component
from probekit.evidence.certify import Certificate
from probekit.plans.scale import make_probe_at
from probekit.plugin.components import Component
from probekit.plugin.interfaces import Metric, Shape

SOLVERS = [solver.name for solver in list_solvers()]


def attack(probe: Any, name: str) -> SolverScore:
    """Return what one solver of the battery reaches."""
    solver = next(solver for solver in list_solvers() if solver.name == name)
    return run_battery(probe, solvers=[solver])[0]


def test_every_solver_has_a_planted_probe() -> None:
    assert sorted(PLANTED) == sorted(SOLVERS)
    assert all(solver.lacks.endswith(".") and solver.against for solver in list_solvers())


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_finds_its_shortcut(name: str) -> None:
    draw, classes = PLANTED[name]
    found = attack(PlantedProbe(draw, classes), name)
    assert found.not_applicable == ""
    assert found.scores["accuracy"] >= 0.95


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_is_at_chance_without_it(name: str) -> None:
    draw, classes = PLANTED[name]
    entry = attack(PlantedProbe(draw, classes, shuffled=True), name)
    assert entry.not_applicable or abs(entry.scores["accuracy"] - 1 / classes) < 0.13


def test_a_solver_works_on_maps_and_numbers() -> None:
    draw, classes = PLANTED["column"]
    probe = NumberProbe(draw, classes)
    assert attack(probe, "column").scores["error"] == 0
    assert attack(probe, "window of radius 0").scores["error"] > 0.3
    train, _ = view_probe(probe, probe.metrics[0])
    assert train.scored[..., :2].all()
    assert not train.scored[..., 2:].any()
    assert attack(probe, "bag of tokens by line").scores["error"] > 0.3


class NumberProbe(PlantedProbe):
    """A planted probe whose targets are numbers, scored in its first two columns."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.splits = {name: (inputs, targets[:, 1:] + 3) for name, (inputs, targets) in self.splits.items()}
        self.shape = Shape(self.shape.inputs, 1, self.shape.size)

        def error(output: torch.Tensor, target: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
            return (output - target)[..., :2].abs().mean((1, 2, 3))

        self.metrics = (Metric("error", "lower", 0.0, error, ""),)


def test_index_targets_are_classes() -> None:
    probe = PlantedProbe(*PLANTED["window of radius 1"])
    probe.splits = {name: (inputs, targets.argmax(1)) for name, (inputs, targets) in probe.splits.items()}

    def share(output: torch.Tensor, target: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        return (output.argmax(1) == target).float().mean(1)

    probe.metrics = (Metric("accuracy", "higher", 1.0, share, "", chance=0.5),)
    assert attack(probe, "window of radius 1").scores["accuracy"] == 1


def test_targets_without_positions_are_refused() -> None:
    probe = PlantedProbe(*PLANTED["constant"])
    probe.splits = {name: (inputs, targets[:, :, 0]) for name, (inputs, targets) in probe.splits.items()}
    table = run_battery(probe)
    assert {entry.not_applicable[:18] for entry in table} == {"targets have shape"}
    assert "no solver without the property applies" in describe_floor(table, probe.metrics[0])


@pytest.mark.parametrize(
    ("name", "scored"),
    [
        ("grouping", lambda probe, view: (view.inputs[:, 3:] == 0).all(1)),
        ("recall", lambda probe, view: view.targets.any(1)),
        ("fill", lambda probe, view: view.targets.any(1)),
        ("insideness", lambda probe, view: view.targets.any(1) & in_middle(probe, view.targets)),
        ("nonlocality", lambda probe, view: (view.inputs != 0).any(1)),
    ],
)
def test_scored_positions_are_those_of_the_metric(name: str, scored: Any) -> None:
    probe = make_probe_at(name, "smoke", registry())
    train, test = view_probe(probe, focus_metric(probe), 64, 64)
    for view in (train, test):
        assert torch.equal(view.scored, scored(probe, view))


def in_middle(probe: Any, targets: torch.Tensor) -> torch.Tensor:
    """Return which positions lie in the middle of an image."""
    mask = torch.zeros_like(targets[:, 0], dtype=torch.bool)
    mask[:, probe.middle, probe.middle] = True
    return mask


def test_without_scikit_learn_the_rest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    table = run_battery(PlantedProbe(*PLANTED["bag of tokens"]))
    missing = [entry.solver for entry in table if "probekit-nn[certify]" in entry.not_applicable]
    assert "bag of tokens" in missing
    assert "forest over the whole item" in missing
    assert next(entry for entry in table if entry.solver == "window of radius 0").scores


def test_loading_certificates_needs_no_scikit_learn() -> None:
    code = "import sys, probekit.evidence.certify; print({'sklearn', 'torch', 'numpy'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "set()\n"


def test_the_floor_names_the_best_solver_that_counts() -> None:
    draw, classes = PLANTED["window of radius 1"]
    probe = PlantedProbe(draw, classes)
    metric = probe.metrics[0]
    table = run_battery(probe, light=True)
    assert not is_low_enough(table, metric)
    assert "is window of radius 1: 100% from chance" in describe_floor(table, metric)
    probe.solved_by = {"window of *": "a window is all it takes"}
    excused = run_battery(probe, light=True)
    best = find_best(excused, metric)
    assert best is not None
    assert not best.solver.startswith("window")
    assert is_low_enough(excused, metric)
    assert any(
        "It may solve it: a window is all it takes." in row[1] for row in make_rows(excused, metric.name)
    )


def test_the_page_of_a_probe_shows_its_shortcuts() -> None:
    table = run_battery(PlantedProbe(*PLANTED["window of radius 0"]), light=True)
    certificate = Certificate(probe="solved", version=1, scale="quick", items=1, checks=(), shortcuts=table)

    class Certified(Solved):
        certificates = {"quick": certificate.model_dump(mode="json")}

    description = describe_component(registry(), Component("probe", "solved", Certified, ""))
    rows = description.tables["shortcuts"]
    assert rows[0]["solver"] == "window of radius 0"
    assert (rows[0]["scale"], rows[0]["score"], rows[0]["from chance"]) == ("quick", "1", "100%")
    assert len(rows) == sum(1 for entry in table if entry.scores)


def test_rows_are_ranked_and_reasons_are_listed() -> None:
    table = run_battery(PlantedProbe(*PLANTED["window of radius 0"]), light=True)
    rows = make_rows(table, "accuracy")
    shares = [float(row[2]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert rows[0][3] == "100%"
    assert "column" in list_inapplicable(table)["items of size 16 are not maps at most 8 high"]


def test_lower_scores_can_be_better() -> None:
    metric = Metric("error", "lower", 0.0, lambda output, target, inputs: output, "")
    solvers = list_solvers()[:3]
    errors = zip(solvers, (3.0, 1.0, 2.0), strict=True)
    table = [describe_solver(solver, scores={"error": error}) for solver, error in errors]
    assert find_best(table, metric) is table[1]


def test_a_null_space_solves_its_equations() -> None:
    random = torch.Generator().manual_seed(0)
    for prime in (2, 3, 5):
        matrix = torch.randint(0, prime, (4, 7), generator=random)
        basis = find_null_space(matrix, prime)
        assert len(basis) >= 3
        assert not (matrix @ basis.T % prime).any()


def test_a_bag_of_patches_knows_no_place() -> None:
    ends = draw_item(lambda tokens: tokens[:, 0] == tokens[:, -1], 2)
    assert abs(attack(PlantedProbe(ends, 2), "bag of patches").scores["accuracy"] - 0.5) < 0.13


def test_solvers_hold_nothing_of_an_earlier_probe() -> None:
    first, second = PLANTED["bag of patches"], (draw_item(lambda tokens: tokens[:, 3] == 1, 2), 2)
    before = run_battery(PlantedProbe(*second), light=True)
    run_battery(PlantedProbe(*first), light=True)
    assert run_battery(PlantedProbe(*second), light=True) == before


def test_a_tie_of_two_windows_is_no_shortcut() -> None:
    far = draw_positions(lambda tokens: tokens ^ tokens[:, ::-1], 2)
    table = run_battery(PlantedProbe(far, 2), light=True)
    assert is_low_enough(table, PlantedProbe(far, 2).metrics[0])
