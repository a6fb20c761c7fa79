"""What is guarded: a result is what the stored weights score, and a run that fails says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from conftest import install
from small import done, job, knowing, planned
from torch import nn

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import Registry, registry
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Control, Probe, Shape
from probekit.plugin.items import draw_split, read_batch
from probekit.runs.engine import TRACE
from probekit.runs.network import build_network, hash_weights
from probekit.runs.run import Outcome
from probekit.runs.splits import load_splits
from probekit.scores.flops import count_forward_flops
from probekit.scores.score import mean_scores, score_items
from probekit.storage.folder import ANSWERS, CASES, ITEMS, LOG, MEASURED, RESULT, SCORES, SPEC, WEIGHTS

CPU = torch.device("cpu")


def probe_of(outcome: Outcome) -> Probe:
    made: Probe = resolve_part("probe", parse_term(outcome.result.plan.probe), registry()).make()
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return done(tmp_path_factory.mktemp("store"))


def test_the_folder_holds_what_it_says_and_nothing_half_done(small: Outcome) -> None:
    names = {path.name for path in small.folder.path.iterdir()}
    assert names == {SPEC, RESULT, LOG, SCORES, ANSWERS, ITEMS, MEASURED, WEIGHTS, CASES, ".lock"}
    assert set(small.result.files) == {SCORES, ANSWERS, ITEMS, MEASURED, WEIGHTS, CASES, LOG}
    assert (small.folder.path / CASES).read_bytes().startswith(b"\x89PNG")
    rows = [json.loads(line) for line in (small.folder.path / LOG).read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, small.result.steps + 1))
    assert all({"step", "steps", "loss", "lr"} <= row.keys() for row in rows)


def test_the_scores_are_those_of_the_stored_weights_on_every_test_item(small: Outcome) -> None:
    probe = probe_of(small)
    weights, _ = small.folder.read_tensors(WEIGHTS)
    assert hash_weights(weights) == small.result.weights
    model = build_network(job().expression, probe.shape, planned(seed=5), CPU)
    model.load_state_dict(weights)
    model.eval()
    stored, _ = small.folder.read_tensors(SCORES)
    test = probe.data("test", 0)
    again = score_items(model, probe, test, len(test), CPU)
    for metric in probe.metrics:
        assert stored[metric.name].allclose(again[metric.name], 0, 0, equal_nan=True), metric.name
        assert len(stored[metric.name]) == 16
        assert small.result.metrics[metric.name] == mean_scores(stored)[metric.name]


def test_the_gap_is_test_minus_train(small: Outcome) -> None:
    result = small.result
    assert result.metrics["loss"] is not None
    assert result.train["loss"] is not None
    assert result.metrics["gap"] == result.metrics["loss"] - result.train["loss"]
    assert result.metrics["gap"] != 0


def test_the_floor_is_the_best_closed_form_control(small: Outcome) -> None:
    probe = probe_of(small)
    train, test = probe.data("train", 0), probe.data("test", 0)
    scores = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed = cast("Control", control)
            closed.fit(train)
            scores[name] = mean_scores(score_items(closed, probe, test, len(test), CPU))
    assert len(scores) == 2
    assert small.result.controls == scores
    assert small.result.floors["loss"] == min(score["loss"] or 0 for score in scores.values())


def test_the_seed_alone_decides_the_weights(small: Outcome, tmp_path: Path) -> None:
    assert done(tmp_path / "again").result.weights == small.result.weights
    assert done(tmp_path / "other", seed=1).result.weights != small.result.weights


def test_flops_are_those_of_one_item_and_counting_moves_no_running_mean() -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1))
    probe = job().probe
    before = hash_weights(model.state_dict())
    assert count_forward_flops(model, probe.shape) == 2 * 3 * 16 * 16
    assert hash_weights(model.state_dict()) == before


def two_channels(shape: Shape) -> nn.Module:
    return nn.Conv2d(shape.inputs, 2, 1)


class Poisoned(nn.Module):
    """Answers what is not a number, when it trains or when it is asked."""

    def __init__(self, shape: Shape, when: bool) -> None:
        super().__init__()
        self.inner, self.when, self.calls = nn.Conv2d(shape.inputs, shape.outputs, 1), when, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        poison = self.training is self.when and self.calls > 2
        output: torch.Tensor = self.inner(x)
        return output * float("nan") if poison else output


def nan_in_training(shape: Shape) -> nn.Module:
    return Poisoned(shape, True)


def nan_when_asked(shape: Shape) -> nn.Module:
    return Poisoned(shape, False)


class Breaks(nn.Conv2d):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.inputs, shape.outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such key")


def pair(shape: Shape) -> nn.Module:
    class Pair(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x), None

    return Pair(shape.inputs, shape.outputs, 1)


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        (two_channels, "(1, 2, 16, 16), but the probe needs (1, 1, 16, 16)"),
        (pair, "it is a tuple"),
        (nan_in_training, "the loss is not finite at step 2"),
        (nan_when_asked, "an output for items 0 to 15 is not finite"),
        (Breaks, "KeyError: 'no such key'"),
    ],
)
def test_a_run_that_fails_is_stored_as_failed_with_its_traceback(
    structure: Any, said: str, tmp_path: Path
) -> None:
    known = knowing("bad", structure)
    outcome = done(tmp_path, known, structure="bad")
    assert outcome.result.status == "failed"
    assert said in outcome.result.error
    assert outcome.result.metrics == {}
    assert "Traceback" in (outcome.folder.path / TRACE).read_text()
    again = done(
        tmp_path, known, structure="bad"
    )  # a failure is no result: it is tried again where it failed
    assert not again.stored
    assert again.folder.path == outcome.folder.path


def test_an_answer_that_is_not_finite_is_no_score() -> None:
    probe = job().probe
    with pytest.raises(RunError, match="not finite"):
        score_items(lambda x: x[:, :1] / 0, probe, probe.data("test", 0), 16, CPU)


def test_a_network_with_tied_weights_and_running_means_is_stored_and_gone_on_with(tmp_path: Path) -> None:
    outcome = done(tmp_path, knowing("tied", Tied), structure="tied")
    assert outcome.result.status == "done", outcome.result.error
    weights, _ = outcome.folder.read_tensors(WEIGHTS)
    assert torch.equal(weights["one.weight"], weights["other.weight"])
    assert weights["norm.num_batches_tracked"] == outcome.result.steps


class Tied(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.other.weight = self.one.weight
        self.norm, self.head = nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.norm(self.other(self.one(x))))
        return output


WATCHER = """
from probekit.plugin.hookspecs import hookimpl
seen = []
@hookimpl
def probekit_run_started(plan): seen.append(("started", plan.seed))
@hookimpl
def probekit_run_progress(plan, row): seen.append(("progress", row["step"]))
@hookimpl
def probekit_run_finished(result): seen.append(("finished", result.status))
"""


def test_observers_see_every_row_and_one_that_raises_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising = WATCHER.replace('seen.append(("progress", row["step"]))', "1 / 0")
    files = {"run_watcher.py": WATCHER, "run_raiser.py": raising}
    install(tmp_path / "lib", "probekit-watch", {"watch": "run_watcher", "raiser": "run_raiser"}, files)
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    known = Registry.load()
    outcome = done(tmp_path / "store", known, seed=3)
    import run_watcher  # type: ignore[import-not-found]

    steps = outcome.result.steps
    assert run_watcher.seen == [
        ("started", 3),
        *(("progress", step) for step in range(1, steps + 1)),
        ("finished", "done"),
    ]
    assert any("raiser" in said and "ZeroDivisionError" in said for said in known.complaints)


def test_items_come_the_same_in_a_batch_one_by_one_and_stacked() -> None:
    data = probe_data()
    inputs, targets = read_batch(data, [5, 0, 5])

    class Plain:
        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, index: int) -> Any:
            return data[index]

    stacked = read_batch(Plain(), [5, 0, 5])  # type: ignore[arg-type]
    assert torch.equal(inputs, stacked[0])
    assert torch.equal(targets, stacked[1])
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert list(draw_split(data))[-1] == len(data)
    assert list(draw_split(Plain())) == []  # type: ignore[arg-type]


def probe_data() -> Any:
    probe = job().probe
    return probe.data("train", 0)


def test_a_result_holds_validation_scores_and_what_was_measured(small: Outcome) -> None:
    assert set(small.result.validation) == set(small.result.train)
    assert small.result.validation["loss"] != small.result.metrics["loss"]
    assert set(small.result.measured) >= {"receptive_radius", "equivariance_error"}
    maps, _ = small.folder.read_tensors(MEASURED)
    assert {name: tuple(kept.shape) for name, kept in maps.items()} == {
        "receptive_field": (16, 16),
        "equivariance": (16, 16),
    }


def test_a_seed_s_data_are_drawn_once_for_all_structures_of_a_grid() -> None:
    one, other = (load_splits(job(structure=name)) for name in ("unet", "unet+average"))
    assert one is other
    assert one.controls is other.controls
    assert load_splits(job(seed=1)) is not one
    assert load_splits(job(probe="nonlocality(test=17,train=64,validation=8)")) is not one
