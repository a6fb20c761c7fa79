"""What is guarded: a structure that did not fit is told from one that lacks the property, step by step."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import call

from probekit.evidence.deciding.learning import is_still_learning
from probekit.evidence.deciding.other_recipes import describe_other_recipes

FILE = '''
"""A probe whose easy task is solved by what sees one position, and the task itself is not."""

import sys

sys.path.insert(0, {tests!r})

import torch
from asking import Agree, item
from probekit.plugin.interfaces import Scale
from probekit.plugin.items import Items
from functools import partial


def own(size, split, seed, index):
    inputs, _ = item(size, split, seed, index)
    first = inputs[0]
    return inputs, torch.stack([first, 1 - first])


class Near(Agree):
    scales = {{"smoke": Scale("seconds", {{"size": 8}}, {{"epochs": 24, "batch": 16, "lr": 0.02}}, width=8)}}

    def __init__(self, *, size: int = 16, train: int = 64, easy: bool = False) -> None:
        super().__init__(size=size, train=train)
        self.easy = easy

    def data(self, split, seed):
        draw = partial(own if self.easy else item, self.size, split, seed if split == "train" else 0)
        return Items(512 if split == "test" else self.train, draw)

    def oracle(self, inputs):
        return torch.stack([inputs[:, 0], 1 - inputs[:, 0]], 1) if self.easy else super().oracle(inputs)
'''


def make_curve(end: list[float]) -> list[tuple[float, float]]:
    """Return a curve of 200 points whose last 40 are given."""
    return list(enumerate([*np.linspace(3, end[0], 160), *end]))


def test_a_falling_loss_is_still_learning() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, 40)
    assert is_still_learning([make_curve(list(np.linspace(1.0, 0.8, 40) + noise))])
    assert not is_still_learning([make_curve(list(1.0 + noise))])
    assert not is_still_learning([make_curve(list(np.linspace(1.0, 0.999, 40)))])  # a trifle
    assert not is_still_learning([make_curve(list(np.linspace(0.8, 1.0, 40) + noise))])
    assert not is_still_learning([[(1.0, 2.0), (2.0, 1.0)], []])


def test_flat_curves_are_rarely_called_learning() -> None:
    chance = np.random.default_rng(1)
    curves = [[make_curve(list(chance.normal(1, 0.3, 40))) for _ in range(3)] for _ in range(500)]
    assert sum(map(is_still_learning, curves)) < 15


@pytest.fixture
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The probe in a file; the store is in the same folder."""
    path = tmp_path / "near.py"
    path.write_text(FILE.format(tests=str(Path(__file__).parents[1])))
    monkeypatch.setenv("PROBEKIT_HOME", str(tmp_path / "store"))
    return f"{path}:Near"


def run_words(capsys: Any, words: list[str]) -> dict[str, Any]:
    """Run a command and return its first row."""
    code, out, err = call(capsys, *words, "--device", "cpu", "--json")
    assert code == 0, err
    row: dict[str, Any] = json.loads(out)[0]
    return row


@pytest.mark.slow
def test_the_named_commands_lead_to_a_decision(near: str, capsys: Any) -> None:
    words = ["run", near, "-s", "plain(conv=0,depth=1)", "--scale", "smoke", "--seeds", "3"]
    row, steps = run_words(capsys, words), []
    while row["next_command"] and len(steps) < 5:
        steps.append((row["verdict"], row["next_step"]))
        last = run_words(capsys, shlex.split(row["next_command"])[1:])
        if "easy" in row["next_step"]:
            assert last["normalised"] >= 0.9
            row = run_words(capsys, shlex.split(row["next_command"].replace("easy=true", "easy=false"))[1:])
        else:
            row = last
    assert [reason for _, reason in steps]
    assert row["verdict"] == "lacks it", steps


@pytest.mark.slow
def test_until_decided_runs_the_easy_task(near: str, capsys: Any) -> None:
    words = ["run", near, "-s", "plain(conv=0,depth=1)", "--scale", "smoke", "--until-decided", "--json"]
    code, out, err = call(capsys, *words, "--device", "cpu")
    assert code == 0, err
    assert {row["probe"].count("easy=true") for row in json.loads(out)} == {0}
    code, out, err = call(capsys, *words, "--recipes", "--device", "cpu")
    assert code == 0, err
    rows = json.loads(out)
    easy = [row for row in rows if "easy=true" in row["probe"]]
    assert len(easy) == 3
    assert {row["verdict"] for row in rows if row not in easy} == {"lacks it"}
    again, out, _ = call(capsys, *words, "--recipes", "--device", "cpu")
    assert again == 0
    assert {row["status"] for row in json.loads(out)} == {"stored"}


@pytest.mark.parametrize(
    ("tried", "text"),
    [
        ({0.1: 0.5, 0.3: 0.95, 0.9: 0.97}, "lr 0.1 reaches 50%"),
        ({0.1: 0.1, 0.3: 0.2, 0.9: None}, ""),
        ({0.1: 0.1, 0.3: 0.5, 0.9: 0.95}, "lr 0.1 reaches 10%, lr 0.3 reaches 50%"),
        ({0.1: 0.1, 0.3: 0.95, 0.9: None}, "lr 0.1 reaches 10%"),
    ],
    ids=str,
)
def test_another_recipe_with_another_word_is_named(tried: dict[float, float | None], text: str) -> None:
    best = max(tried, key=lambda rate: tried[rate] or 0.0)
    sentence = describe_other_recipes(tried, best, 0.0, 1.0, (0.9, 0.25))
    assert text in sentence
    assert bool(text) == bool(sentence)
    assert not sentence or f"lr {best:g}, which was chosen" in sentence
