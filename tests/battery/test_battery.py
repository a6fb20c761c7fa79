"""What is guarded: each solver of the battery finds its shortcut, and stays at chance without it."""

from __future__ import annotations

from typing import Any

import pytest
from planted import PLANTED, PlantedProbe

from probekit.battery.attack import SolverScore, run_battery
from probekit.battery.battery import list_solvers

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
