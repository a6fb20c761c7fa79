"""What is guarded: certifying passes an unambiguous probe and catches a filter without one of its rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch
from broken_parts.probes import Solved
from torch import Tensor

from probekit.battery.battery import list_solvers
from probekit.battery.floor import MAX_SHORTCUT
from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate, certify_probe
from probekit.evidence.focus import (
    MAX_NETWORK_CONTROL,
    judge_controls,
    normalize_control_score,
)
from probekit.evidence.item_checks import check_items
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Metric
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store
from probekit_probes.nonlocality.probe import Nonlocality

PNG = b"\x89PNG\r\n\x1a\n"


def quiet(stage: str, row: Mapping[str, float]) -> None:
    """Watch, and say nothing."""


def smoke(**params: Any) -> Nonlocality:
    return Nonlocality(**{"size": 16, "rectangles": 3, "gap": 2, "train": 400, **params})


def look(tmp_path: Path, text: str, **options: Any) -> Certificate:
    return certify_probe(text, "smoke", registry(), Store(tmp_path), items=300, **{"focus": False, **options})


@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
@pytest.mark.parametrize("reading", ["down-set", "chain"])
def test_the_probe_as_it_is_passes_on_every_item(sampler: str, reading: str) -> None:
    checks, picture = check_items(smoke(sampler=sampler, reading=reading), 400, quiet)
    assert [(check.name, check.holds) for check in checks] == [
        ("unambiguous", True),
        ("well-posed", True),
        ("simple", None),
    ]
    assert "F1 no opposite sides coincide: 400 of 400" in checks[0].evidence
    assert checks[1].evidence == "the oracle is exact on 400 of 400"
    assert picture == b""


@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
@pytest.mark.parametrize("rule", ["sides", "overlaps", "lines"])
def test_a_filter_without_one_of_its_rules_is_caught_and_a_counterexample_drawn(
    rule: str, sampler: str
) -> None:
    probe = smoke(size=32, rectangles=7, sampler=sampler)
    probe.design = replace(probe.design, law=replace(probe.design.law, omit=frozenset({rule})))
    checks, picture = check_items(probe, 400, quiet)
    assert [check.holds for check in checks[:2]] == [False, False]
    assert picture.startswith(PNG)


def test_examining_tells_how_far_it_is_and_stops_at_the_last_item() -> None:
    rows: list[tuple[str, Mapping[str, float]]] = []
    check_items(smoke(train=300), 1_000, lambda stage, row: rows.append((stage, row)))
    assert [(stage, row["step"], row["steps"]) for stage, row in rows] == [
        ("examine", 256, 300),
        ("examine", 300, 300),
    ]


def test_a_certificate_is_kept_in_the_store_and_counts_what_was_looked_at(tmp_path: Path) -> None:
    found = look(tmp_path, "nonlocality")
    assert found.passed
    assert found.counterexample == ""
    assert found.items == 300
    assert {"data of train", "data of test", "loss of wild answers"} <= set(found.question)
    kept = [Folder(path.parent).read_json(path.name) for path in tmp_path.rglob("certificate.json")]
    assert kept == [json.loads(found.model_dump_json())]
    assert look(tmp_path, "nonlocality(train=50)").items == 50


def test_the_ambiguous_probe_fails_and_the_picture_is_saved(tmp_path: Path) -> None:
    found = look(tmp_path, "nonlocality(ambiguous=true)")
    assert not found.passed
    assert {check.name: check.holds for check in found.checks} == {
        "unambiguous": False,
        "well-posed": False,
        "simple": None,
        "distinct": True,
        "shortcuts": None,
        "focused": None,
    }
    assert Path(found.counterexample).read_bytes().startswith(PNG)


def test_the_controls_that_lack_the_property_stay_in_the_lowest_quarter(tmp_path: Path) -> None:
    found = look(tmp_path, "nonlocality", focus=True).checks[-1]
    assert found.name == "focused"
    assert found.holds
    assert [control in found.evidence for control in ("constant 0%", "colour median", "window")] == [True] * 3


class Leaky(Nonlocality):
    """A probe whose second control is its oracle: it does not ask for nonlocality alone."""

    def controls(self) -> dict[str, Any]:
        oracle = self.oracle

        class Reader:
            def fit(self, dataset: object) -> None: ...

            def __call__(self, inputs: Any) -> Any:
                return oracle(inputs)

        return {"constant": super().controls()["constant"], "reader": Reader()}


class Doubtful(Nonlocality):
    """A probe whose oracle is right and whose last item is not proved."""

    def certified(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"not last": torch.arange(len(inputs)) < len(inputs) - 1}


def test_an_item_without_a_proof_is_drawn_even_where_the_oracle_is_right() -> None:
    checks, picture = check_items(Doubtful(size=16, rectangles=3, gap=2, train=20), 20, quiet)
    assert [check.holds for check in checks[:2]] == [False, True]
    assert checks[0].evidence == "not last: 19 of 20"
    assert picture.startswith(PNG)


class Short(Nonlocality):
    """A probe whose splits have lengths of their own: it takes no `train`."""

    def __init__(self, *, size: int = 16, rectangles: int = 3, gap: int = 2) -> None:
        super().__init__(size=size, rectangles=rectangles, gap=gap, train=40)


Short.scales = {"smoke": replace(Nonlocality.scales["smoke"], parameters={"size": 16})}


def test_a_probe_that_takes_no_length_is_certified_on_what_it_has(tmp_path: Path) -> None:
    known = registry().with_components(Component("probe", "short", Short, "a probe of forty items"))
    found = certify_probe("short", "smoke", known, Store(tmp_path), items=300, focus=False)
    assert found.passed
    assert found.items == 40


def test_a_shortcut_is_caught_named_and_stored(tmp_path: Path) -> None:
    watched: list[str] = []
    known = registry().with_components(Component("probe", "local", Solved, "a window solves it"))
    certificate = certify_probe(
        "local", "quick", known, Store(tmp_path), items=50, watch=lambda stage, row: watched.append(stage)
    )
    check = next(check for check in certificate.checks if check.name == "shortcuts")
    assert (check.holds, certificate.passed) == (False, False)
    assert "the best without the property is window of radius 0: 100% from chance" in check.evidence
    assert watched.count("attack") == len(certificate.shortcuts) == len(list_solvers())
    path = next(tmp_path.rglob("certificate.json"))
    assert Certificate.model_validate(Folder(path.parent).read_json(path.name)) == certificate
    assert certificate.list_controls(Solved().metrics)["window of radius 0"] == {"share": 1.0}
    results = [result for _, result in Store(tmp_path).read_results()]
    scores = [result.metrics["share"] for result in results if isinstance(result, Result)]
    assert len(scores) == 3
    assert certificate.networks == {"pointwise": {"share": pytest.approx(mean(scores))}}
    assert certificate.spreads == {"pointwise": {"share": pytest.approx(stdev(scores))}}


def test_a_certificate_without_shortcuts_is_readable() -> None:
    old = Certificate.model_validate(Nonlocality.certificates["quick"])
    assert old.list_controls(Nonlocality().metrics) == old.networks


def test_a_shortcut_raises_the_floor_of_networks() -> None:
    metric = Metric("m", "higher", 1.0, lambda o, t, i: o, "", chance=0.0)
    alone = judge_controls(metric, {"constant": 0.1}, {"window": 0.4})
    raised = judge_controls(metric, {"constant": 0.1}, {"window": 0.4}, 0.3)
    assert not alone["window"].holds
    assert raised["window"].holds
    assert raised["window"].normalized_score == pytest.approx(1 / 7)


def test_a_control_that_solves_the_probe_is_caught(tmp_path: Path) -> None:
    known = registry().with_components(Component("probe", "leaky", Leaky, "a leak"))
    found = certify_probe("leaky(train=32,test=16)", "smoke", known, Store(tmp_path), items=50)
    assert not found.passed
    assert "reader 100%" in found.checks[-1].evidence


def test_places_run_from_the_floor_to_perfect() -> None:
    assert normalize_control_score(0.3, 0.4, 0.0) == pytest.approx(0.25) == MAX_NETWORK_CONTROL
    assert normalize_control_score(0.6, 0.5, 1.0) == pytest.approx(0.2)
    assert normalize_control_score(0.0, 0.0, 0.0) == 1.0
    assert normalize_control_score(None, 0.4, 0.0) is None


def test_an_unknown_probe_scale_or_parameter_is_refused(tmp_path: Path) -> None:
    for text, scale in (("nonlocalty", "smoke"), ("nonlocality", "smok"), ("nonlocality(sise=3)", "smoke")):
        with pytest.raises(UsageError):
            certify_probe(text, scale, registry(), Store(tmp_path), focus=False)


@pytest.mark.parametrize(
    ("metric", "closed", "networks", "holds"),
    [
        (
            ("higher", 1.0, 0.5),
            {"constant": 0.5, "bag": 0.7},
            {"window": 0.76},
            {"constant", "bag", "window"},
        ),
        (("higher", 1.0, 0.5), {"constant": 0.5, "trick": 0.8}, {"window": 0.82}, {"constant", "window"}),
        (("higher", 1.0, 0.5), {"constant": 0.5}, {"window": 0.7}, {"constant"}),
        (
            ("lower", 0.0, None),
            {"constant": 0.4, "median": 0.3},
            {"window": 0.25},
            {"constant", "median", "window"},
        ),
        (("lower", 0.0, None), {"constant": 0.4, "trick": 0.1}, {"window": None}, {"constant"}),
    ],
)
def test_networks_are_held_to_the_floor_and_closed_forms_to_chance_whatever_their_order(
    metric: tuple[Any, float, float | None],
    closed: dict[str, float | None],
    networks: dict[str, float | None],
    holds: set[str],
) -> None:
    better, perfect, chance = metric
    judged = Metric("m", better, perfect, lambda o, t, i: o, "", chance=chance)
    for order in (closed, dict(reversed(closed.items()))):
        found = judge_controls(judged, order, networks)
        assert {name for name, control in found.items() if control.holds} == holds
    assert MAX_SHORTCUT > MAX_NETWORK_CONTROL
