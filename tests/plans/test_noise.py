"""What is guarded: the noise of a scale is pooled from runs that leave it as it is, and its data are read."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT
from small import planned

from probekit.catalog.grammar import Term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at
from probekit.storage.behaviour import Behaviour
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store
from probekit_probes.noise import MEASURED

HERE = Environment(probekit="1", torch="2", python="3.11", device="cpu", threads=1)
ASIS = {"probe": "nonlocality", "trainer": "supervised"}


def keep(store: Store, loss: float, **asked: object) -> None:
    """Store a result of a real plan."""
    plan = planned(**{**ASIS, **asked})
    known = Behaviour(probe={"loss of wild answers": 1.5})
    store.new_run(plan).write_result(
        Result(plan=plan, status="done", metrics={"loss": loss}, environment=HERE, behaviour=known)
    )


def test_the_noise_is_pooled_over_structures_and_leaves_out_what_is_not_as_the_scale_sets_it(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    for structure, losses in {"unet": (0.1, 0.2, 0.3), "unet+average": (0.5, 0.5, 0.5)}.items():
        for seed, loss in enumerate(losses):
            keep(store, loss, structure=structure, seed=seed)
            keep(store, 100 * loss, structure=structure, seed=seed, width=8)
            keep(store, 100 * loss, structure=structure, seed=seed, trainer="supervised(lr=0.001)")
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "noise.py"), str(tmp_path)], capture_output=True, text=True
    )
    found = json.loads(done.stdout)["nonlocality"]["smoke"]
    assert found["noise"] == {"loss": pytest.approx(0.0707)}
    assert found["question"] == {"loss of wild answers": 1.5}
    spreads = found["spreads"]["loss"].values()
    assert [(one["mean"], one["variance"], len(one["runs"])) for one in spreads] == [
        (pytest.approx(0.2), pytest.approx(0.01), 3),
        (0.5, 0.0, 3),
    ]


def example() -> ModuleType:
    """Import the script as a module."""
    spec = importlib.util.spec_from_file_location("noise_example", ROOT / "examples" / "noise.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fewer_than_four_degrees_of_freedom_say_nothing(tmp_path: Path) -> None:
    for seed in range(3):
        keep(Store(tmp_path), 0.1 * seed, structure="unet", seed=seed)
    assert example().measure_noise(Store(tmp_path)) == {}


def test_the_noise_of_a_scale_is_of_its_probes_own_metrics() -> None:
    for probe, scales in MEASURED.items():
        for scale, measured in scales.items():
            values = measured["noise"]
            made = make_probe_at(probe, scale, registry())
            known = {metric.name for metric in made.metrics} | {metric.gap for metric in made.metrics}
            assert set(values) <= known
            assert made.scales[scale].noise == values
            assert made.scales[scale].noise_column_key == measured["question"] != {}
            assert min(values.values()) > 0
            spreads = made.scales[scale].spreads
            assert set(spreads) in (set(), set(values))
            assert {spread.seeds for rows in spreads.values() for spread in rows.values()} <= {3}


def test_a_metric_that_no_seed_moved_has_no_noise(tmp_path: Path) -> None:
    for structure in ("unet", "unet+average"):
        for seed in range(3):
            keep(Store(tmp_path), 0.5, structure=structure, seed=seed)
    assert example().measure_noise(Store(tmp_path)) == {}


def test_a_scale_that_was_not_measured_has_no_noise() -> None:
    probe = resolve_part("probe", Term("nonlocality"), registry()).make()
    assert probe.scales["paper"].noise == {}
