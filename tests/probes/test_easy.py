"""What is guarded: an easy task keeps the form of its probe, and needs no property."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from probekit.catalog.registry import registry
from probekit.plans.scale import resolve_at_scale
from probekit.plugin.interfaces import Probe
from probekit_probes.fill.probe import EASY_STEPS, Fill
from probekit_probes.nonlocality.distance import junction_distance
from probekit_probes.nonlocality.probe import NEAR, Nonlocality
from probekit_probes.nonlocality.scales import SCALES
from probekit_probes.rotation.probe import Rotation
from probekit_probes.translation.probe import Translation

FEW: dict[str, Any] = {"train": 32, "validation": 16, "test": 64}
FRAME: dict[str, Any] = {**SCALES["quick"].parameters, **FEW}
PAIRS: list[tuple[Probe, Probe]] = [
    (Fill(**FEW), Fill(**FEW, easy=True)),
    (Rotation(), Rotation(easy=True)),
    (Translation(size=16, square=5), Translation(size=16, square=5, easy=True)),
    (Nonlocality(**FRAME), Nonlocality(**FRAME, easy=True)),
]


@pytest.mark.parametrize("name", ["fill", "rotation", "translation", "nonlocality"])
def test_results_from_before_the_easy_task_stay_comparable(name: str) -> None:
    plain, said, easy = (
        resolve_at_scale(f"{name}{words}", "quick", registry())[1].text
        for words in ("", "(easy=false)", "(easy=true)")
    )
    assert plain == said
    assert "easy" not in plain
    assert "easy=true" in easy


def read_all(probe: Probe, split: Any) -> tuple[Tensor, Tensor]:
    data: Any = probe.data(split, 0)
    inputs, targets = data.batch(range(len(data)))
    return inputs, targets


@pytest.mark.parametrize(("hard", "easy"), PAIRS, ids=lambda probe: type(probe).__name__)
def test_an_easy_task_has_the_same_form(hard: Probe, easy: Probe) -> None:
    assert easy.shape == hard.shape
    for split in ("train", "validation", "test", *(["harder"] if hard.harder else [])):
        inputs, targets = read_all(easy, split)
        assert torch.equal(easy.oracle(inputs), targets)
        rules = easy.certified(inputs).values()
        assert split == "validation" or all(bool(rule.all()) for rule in rules)
    assert len(easy.data("train", 0)) == len(hard.data("train", 0))
    assert float(easy.metrics[0].score(targets, targets, inputs).nanmean()) == easy.metrics[0].perfect


def test_easy_mazes_ask_within_three_steps() -> None:
    hard, easy = PAIRS[0]
    inputs, targets = read_all(easy, "test")
    assert torch.equal(inputs, read_all(hard, "test")[0])
    for image, answer in zip(inputs, targets, strict=True):
        free, reached = image[1:].sum(0) > 0, image[2] > 0
        seed = torch.nonzero(reached)[0]
        for _ in range(EASY_STEPS):
            spread = reached.clone()
            spread[1:] |= reached[:-1]
            spread[:-1] |= reached[1:]
            spread[:, 1:] |= reached[:, :-1]
            spread[:, :-1] |= reached[:, 1:]
            reached = spread & free
        rows, columns = (torch.arange(16) - place for place in seed)
        near = (rows.abs()[:, None] + columns.abs() <= EASY_STEPS) & free & (image[2] == 0)
        assert torch.equal(answer.sum(0) > 0, near)
        assert torch.equal(answer[1] > 0, near & reached)


def test_easy_arrows_have_the_orientation_of_training() -> None:
    _, easy = PAIRS[1]
    assert isinstance(easy, Rotation)
    images = {split: read_all(easy, split) for split in ("train", "validation", "test")}
    for inputs, targets in images.values():
        assert not easy.find_orientation(inputs, targets).any()
    every = torch.cat([inputs for inputs, _ in images.values()])
    assert len(torch.unique(every, dim=0)) == len(every)


def test_easy_squares_are_where_training_showed_them() -> None:
    hard, easy = PAIRS[2]
    assert torch.equal(read_all(easy, "test")[0], read_all(hard, "train")[0])
    assert torch.equal(read_all(easy, "validation")[0], read_all(hard, "validation")[0])


def test_easy_rectangles_are_two_and_scored_near_junctions() -> None:
    _, easy = PAIRS[3]
    inputs, targets = read_all(easy, "test")
    assert (easy.contents(inputs, targets)["rectangles"] == 2).all()
    metric = easy.metrics[0]
    near = (junction_distance(inputs, targets) <= NEAR)[:, None]
    assert metric.name == easy.focus == "loss_near"
    assert torch.equal(metric.score(targets + ~near, targets, inputs).nan_to_num(0), torch.zeros(64))
    wrong = metric.score(targets + near, targets, inputs)
    assert torch.allclose(wrong[~wrong.isnan()], torch.ones(()))
