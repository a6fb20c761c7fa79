"""What is guarded: plugins add metrics, scales and controls to a probe, which runs and certificates name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small import planned
from torch import Tensor

from probekit import Constant, Metric, Scale
from probekit.api.results import attach_folders
from probekit.cards.assemble import make_card
from probekit.cards.notes import reading_notes
from probekit.catalog.plugins import make_manager
from probekit.catalog.registry import Registry, registry
from probekit.evidence.certify import certify_probe
from probekit.plans.job import Job, make_job
from probekit.plans.rerun_commands import list_rerun_commands
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.errors import UsageError
from probekit.rows.cells import make_cells, read_cells
from probekit.rows.transfer import export_rows
from probekit.runs.run import Outcome, run_job
from probekit.storage.store import Store


def make_margin(probe: Any, *, share: float = 1.0) -> Metric:
    """Return how far the right answer is above zero."""

    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return ((output * target).clamp(max=1).flatten(1).mean(1) * share).float()

    return Metric("margin", "higher", 1.0, score, "how far the right answer is above zero")


def make_twin(probe: Any) -> Metric:
    """Return a metric of the name that the probe's headline has."""
    return probe.metrics[0]


def make_tiny() -> Scale:
    """Return a scale of a few short items."""
    return Scale(
        "a few items", {"moves": 8, "times": 2, "train": 64, "test": 16, "validation": 16}, {"epochs": 1}, 4
    )


def make_constant(probe: Any) -> Constant:
    """Return the mean target."""
    return Constant()


ADDED = (
    Component("metric", "margin", make_margin, "", probe="parity"),
    Component("metric", "twin", make_twin, "", probe="parity"),
    Component("metric", "foreign", make_margin, "", probe="recall"),
    Component("scale", "tiny", make_tiny, "", probe="parity"),
    Component("control", "mean-target", make_constant, "", probe="parity"),
)


@pytest.fixture
def known() -> Registry:
    return registry().with_components(*ADDED)


def plan_parity(known: Registry, scale: str = "tiny", metrics: tuple[str, ...] = ()) -> Job:
    """Plan a run of parity."""
    return make_job(make_spec(probe="parity", structure="gru", scale=scale, metrics=metrics), known)


def train(known: Registry, store: Store, metrics: tuple[str, ...] = ()) -> Outcome:
    """Train on parity at a scale of a plugin."""
    return run_job(plan_parity(known, metrics=metrics), known, store=store, device="cpu")


def test_an_addition_needs_a_probe() -> None:
    with pytest.raises(ValueError, match="scale tiny names no probe"):
        Component("scale", "tiny", make_tiny, "")
    with pytest.raises(ValueError, match="layer gru has a probe"):
        Component("layer", "gru", make_tiny, "", probe="parity")


def test_who_asks_for_nothing_runs_the_same(known: Registry) -> None:
    assert plan_parity(known, "smoke").plan == planned(
        probe="parity", structure="gru", scale="smoke", trainer="supervised"
    )


def test_a_plan_contains_an_added_scale(known: Registry) -> None:
    plan = plan_parity(known).plan
    assert (plan.scale, plan.width) == ("tiny", 4)
    assert plan.components[-1].kind == "scale"


def test_a_metric_makes_another_run(known: Registry) -> None:
    plain, scored, other = (
        plan_parity(known, metrics=metrics).plan for metrics in ((), ("margin",), ("margin(share=0.5)",))
    )
    assert len({plan.identity for plan in (plain, scored, other)}) == 3
    assert plain.column_key == scored.column_key
    assert plain.row_key == scored.row_key
    assert "--metric 'margin(share=0.5)'" in next(list_rerun_commands([other]))


@pytest.mark.parametrize(
    ("scale", "metrics", "words"),
    [
        ("tinny", (), "Did you mean tiny"),
        ("tiny(moves=9)", (), "there is no such scale"),
        ("./tiny.py:make_tiny", (), "a file does not say which probe it extends"),
        ("tiny", ("./margin.py:make_margin",), "a file does not say which probe it extends"),
        ("tiny", ("margn",), "Did you mean margin"),
        ("tiny", ("foreign",), "it extends the probe recall"),
        ("tiny", ("twin",), "there is a metric called accuracy already"),
        ("tiny", ("margin(shore=1)",), "it has no such parameter"),
    ],
)
def test_a_wrong_addition_gets_a_hint(
    scale: str, metrics: tuple[str, ...], words: str, known: Registry
) -> None:
    with pytest.raises(UsageError, match=words):
        plan_parity(known, scale, metrics)


def test_two_probes_can_have_a_metric_of_one_name(known: Registry) -> None:
    twins = [
        replace(component, plugin=component.probe)
        for component in (ADDED[0], replace(ADDED[0], probe="recall"))
    ]
    both = Registry(make_manager(), known.plugins, [*registry().components(), *twins], [], set())
    spec = make_spec(probe="parity", structure="gru", scale="smoke", metrics=("margin",))
    assert make_job(spec, both).plan.added_metrics == ("parity/margin(share=1.0)",)


def test_a_metric_is_stored_and_on_the_card(known: Registry, tmp_path: Path) -> None:
    store = Store(tmp_path)
    plain, scored = train(known, store), train(known, store, ("margin",))
    assert not scored.stored
    assert train(known, store, ("margin",)).stored
    assert scored.result.metrics.keys() - plain.result.metrics.keys() == {"margin"}
    assert scored.result.weights == plain.result.weights
    assert scored.result.floors["margin"] is not None
    (column,) = make_card(store, known).columns
    (cell,) = column.cells
    assert cell.scores["margin"].mean == scored.result.metrics["margin"]
    assert column.metric == "accuracy"
    (column,) = make_card(store, registry()).columns
    assert "margin" not in column.cells[0].scores
    (row, _) = attach_folders([(run.folder, run.result) for run in (scored, plain)], store, known)
    assert row.metrics["margin"] == scored.result.metrics["margin"]


@pytest.mark.slow
def test_an_added_control_is_certified(known: Registry, tmp_path: Path) -> None:
    store = Store(tmp_path)
    certificate = certify_probe("parity", "tiny", known, store, items=32, controls=["mean-target"])
    assert certificate.added["mean-target"]["accuracy"] is not None
    (focused,) = [check for check in certificate.checks if check.name == "focused"]
    assert "mean-target" in focused.evidence
    train(known, store)
    (column,) = make_card(store, known).columns
    assert "mean-target" in {control.name for control in column.controls}
    (control,) = [control for control in column.controls if control.name == "mean-target"]
    assert certificate.control_plugins == {"mean-target": "python"}
    best = column.model_copy(update={"floor": control.mean})
    assert "(control mean-target of plugin python)" in next(reading_notes(best))
    with pytest.raises(UsageError, match="there is no such control"):
        certify_probe("parity", "tiny", known, store, items=32, controls=["mean"])


def test_a_row_has_both_kinds_of_metrics(known: Registry, tmp_path: Path) -> None:
    store = Store(tmp_path)
    scored = train(known, store, ("margin",))
    (row,) = map(read_cells, map(make_cells, export_rows(store, [])))
    assert row.result.metrics == scored.result.metrics
    assert row.result.plan.added_metrics == ("margin(share=1.0)",)
