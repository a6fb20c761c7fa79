"""What is guarded: what was trained is kept, whatever fails beside it, and no wrong shape counts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import PROBE, call, done, job, knowing
from torch import Tensor, nn

import probekit
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Metric, Shape
from probekit.runs import training
from probekit.runs.network import hash_weights, join_state, split_state
from probekit.runs.run import run_job
from probekit.scores import diagnostics
from probekit.scores.score import score_items
from probekit.storage.folder import LOG
from probekit.storage.store import Store
from probekit_probes.nonlocality.probe import Nonlocality

CPU = torch.device("cpu")


class Base(nn.Module):
    """A convolution of one pixel, whose answer is then spoilt."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.map = nn.Conv2d(shape.inputs, shape.outputs, 1)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(x)
        return y


class NoGradient(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if y.requires_grad and not self.training:
            raise RuntimeError("no gradients here")
        return y


class CachedMask(Base):
    mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and self.mask is None:
            self.mask = self.map.weight.sum() * 0 + 1
        return super().forward(x) * (1 if self.mask is None else self.mask)


class InPlace(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x.clone())
        x.zero_()
        return y


class State(Base):
    def get_extra_state(self) -> Any:
        return {"temperature": 0.5, "names": ["a"], "scale": torch.ones(2)}

    def set_extra_state(self, state: Any) -> None:
        assert state["temperature"] == 0.5
        assert torch.equal(state["scale"], torch.ones(2))


@pytest.mark.parametrize(
    ("network", "missing"),
    [(NoGradient, {"receptive field"}), (CachedMask, set()), (InPlace, set()), (State, set())],
)
def test_a_network_that_cannot_be_looked_at_is_scored_and_stored(
    network: type[Base], missing: set[str], tmp_path: Path
) -> None:
    outcome = done(tmp_path, knowing("odd", network), structure="odd")
    assert outcome.result.status == "done", outcome.result.error
    assert outcome.result.missing.keys() == missing
    assert outcome.result.metrics["loss"] is not None
    outcome.folder.check_files(outcome.result)
    assert set(outcome.result.files) >= {"weights.safetensors", "scores.safetensors", LOG}


@pytest.mark.parametrize(
    "step",
    [
        "draw_cases",
        "count_forward_flops",
        "effective_receptive_field",
        "measure_equivariance",
        "measure_difficulty_curve",
    ],
)
def test_each_later_step_that_fails_leaves_its_place_empty_with_the_reason(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*given: Any) -> Any:
        raise ValueError(f"{step} cannot be")

    monkeypatch.setattr(diagnostics, step, fails)
    words = (
        PROBE,
        "-s",
        "unet",
        "--scale",
        "smoke",
        "--store",
        str(tmp_path),
    )
    code, out, err = call(capsys, "run", *words, "--trainer", "supervised(batch=16,epochs=1)")
    assert code == 0, err
    assert " ".join(out.split()).count(f"ValueError: {step} cannot be") == 1
    (stored,) = tmp_path.glob("*/result.json")
    kept = json.loads(stored.read_text())
    assert kept["status"] == "done"
    assert list(kept["missing"].values()) == [f"ValueError: {step} cannot be"]


class Unstorable(Base):
    def get_extra_state(self) -> Any:
        return {"made": object()}

    def set_extra_state(self, state: Any) -> None: ...


class Numbered(Base):
    def get_extra_state(self) -> Any:
        return {1: "a key that is no text"}

    def set_extra_state(self, state: Any) -> None: ...


@pytest.mark.parametrize("network", [Unstorable, Numbered])
def test_a_state_that_cannot_be_stored_is_refused_before_training(
    network: type[Base], tmp_path: Path
) -> None:
    outcome = done(tmp_path, knowing("odd", network), structure="odd")
    assert outcome.result.status == "failed"
    assert "storing the network's state" in outcome.result.error
    assert not (outcome.folder.path / LOG).exists()


def test_a_state_of_tensors_and_json_comes_back() -> None:
    state = State(Shape(3, 1, (4, 4))).state_dict()
    back = join_state(*split_state(state))
    State(Shape(3, 1, (4, 4))).load_state_dict(back)
    assert hash_weights(back) == hash_weights(state)


def cropped(x: Tensor) -> Tensor:
    return x[:1, :1]


def flat(x: Tensor) -> Tensor:
    return x[:, :1].flatten(2)


def many(x: Tensor) -> Tensor:
    return x[:, :2]


def small(x: Tensor) -> Tensor:
    return x[:, :1, ::2, ::2]


@pytest.mark.parametrize("answer", [cropped, flat, many, small])
def test_an_answer_of_another_shape_is_never_scored(answer: Callable[[Tensor], Tensor]) -> None:
    probe = job().probe

    class Network(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return answer(x)

    for model in (Network(), answer):
        with pytest.raises(RunError, match="the probe needs"):
            score_items(model, probe, probe.data("test", 0), 16, CPU)


class Late(Base):
    """One that answers rightly for one item, and for a batch by its first alone."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if self.training else y[:1]


def test_a_network_that_answers_for_a_batch_by_one_item_fails(tmp_path: Path) -> None:
    outcome = done(tmp_path, knowing("odd", Late), structure="odd")
    assert outcome.result.status == "failed"
    assert "the probe needs (16, 1, 16, 16)" in outcome.result.error


ODD: dict[str, Any] = {
    "three a batch": lambda output, target, inputs: torch.ones(3),
    "one a batch": lambda output, target, inputs: output.mean(),
    "a map an item": lambda output, target, inputs: output,
    "no tensor": lambda output, target, inputs: 0.5,
}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD.keys())
def test_a_metric_that_gives_no_number_an_item_is_refused(values: Any) -> None:
    probe = Nonlocality(size=16, rectangles=3, gap=2, train=8, validation=8, test=8)
    probe.metrics = (Metric("odd", "lower", 0.0, values, "odd"),)
    with pytest.raises(RunError, match="the metric odd: it returned"):
        score_items(lambda x: x[:, :1], probe, probe.data("test", 0), 8, CPU)


class Drawing(Base):
    """Draws from every global generator as it trains."""

    def forward(self, x: Tensor) -> Tensor:
        drawn = random.random() + float(np.random.rand()) + float(torch.rand(()))
        return super().forward(x) * (1 + 0.1 * drawn if self.training else 1)


def test_a_layer_that_draws_from_any_generator_resumes_bit_by_bit(tmp_path: Path) -> None:
    known = registry().with_components(Component("structure", "drawing", Drawing, "for a test"))
    made = job(known, structure="drawing", trainer="supervised(batch=16,epochs=3)")
    whole = run_job(made, known, device="cpu", store=Store(tmp_path / "whole"))
    assert whole.result.status == "done", whole.result.error
    random.random(), np.random.rand(), torch.rand(1)

    class Stop(KeyboardInterrupt):
        pass

    def watch(stage: str, row: Any) -> None:
        if (stage, row["step"]) == ("train", 7):
            raise Stop

    first, training.FIRST = training.FIRST, 0.0
    share, training.SHARE = training.SHARE, 1e9
    try:
        with pytest.raises(Stop):
            run_job(made, known, device="cpu", store=Store(tmp_path / "cut"), watch=watch)
    finally:
        training.FIRST, training.SHARE = first, share
    random.seed(9), np.random.seed(9), torch.manual_seed(9)
    again = run_job(made, known, device="cpu", store=Store(tmp_path / "cut"))
    assert again.result.weights == whole.result.weights


def test_run_leaves_the_caller_s_generators_as_they_were(tmp_path: Path) -> None:
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    expected = random.random(), float(np.random.rand()), float(torch.rand(()))
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    words = {"scale": "smoke", "trainer": "supervised(batch=16,epochs=1)", "device": "cpu"}
    probekit.run(PROBE, Drawing, store=tmp_path, **words)
    assert (random.random(), float(np.random.rand()), float(torch.rand(()))) == expected
