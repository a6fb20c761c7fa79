"""What is guarded: attackers find a planted shortcut, and nothing where none is; rules lack what they say."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import pytest
import torch
from conftest import ROOT
from torch import Tensor
from torch.nn import functional

pytest.importorskip("sklearn")
sys.path.insert(0, str(ROOT / "examples"))
import attack_rules
import attacks
from attackers import Trees, list_general, spread_sides

from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at
from probekit.plugin.items import read_batch
from probekit.scores.score import score_closed_form

LENGTH, CLASSES = 12, 4


@dataclass
class Tokens:
    """Random tokens; the answer is the token two places back, or the chance of a coin."""

    items: int
    seed: int
    is_planted: bool

    def __len__(self) -> int:
        return self.items

    def batch(self, indices: range) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(self.seed)
        tokens, coins = torch.randint(CLASSES, (2, self.items, LENGTH), generator=draw)
        answers = tokens.roll(2, 1) if self.is_planted else coins
        inputs, targets = (
            functional.one_hot(part[indices], CLASSES).mT.float() for part in (tokens, answers)
        )
        return inputs, targets


@pytest.mark.parametrize(("is_planted", "least", "most"), [(True, 0.98, 1.0), (False, 0.2, 0.3)])
def test_trees_find_a_planted_shortcut(is_planted: bool, least: float, most: float) -> None:
    trees = list_general(attacks.find_between(4, LENGTH))[0]
    assert isinstance(trees, Trees)
    attack = replace(trees, rounds=8)
    attack.fit(Tokens(256, 0, is_planted))  # type: ignore[arg-type]
    inputs, targets = Tokens(128, 1, is_planted).batch(range(128))
    correct = attack(inputs).argmax(1) == targets.argmax(1)
    assert least <= float(correct[:, 4:].float().mean()) <= most


def test_a_window_of_bits_is_right_until_it_ends() -> None:
    probe = make_probe_at("parity", "smoke", registry())
    rule = attack_rules.ByRule("", "", rule=attack_rules.count_last(18))
    train, test = probe.data("train", 0), probe.data("test", 0)
    score = score_closed_form(rule, probe, train, test, len(test))["accuracy"]
    assert score == pytest.approx(0.75, abs=0.05)  # bits 13 to 18 of 24, a coin for the later ones


def test_sides_spread_from_a_corner_are_the_answer() -> None:
    probe = make_probe_at("insideness(test=8)", "smoke", registry())
    inputs, targets = (part.numpy() for part in read_batch(probe.data("test", 0), range(8)))
    sides = spread_sides(inputs[:, 1] > 0, (0, 0))
    assert ((sides == 1) == (targets[:, 0] > 0)).all()
    assert ((sides == -1) == (targets[:, 1] > 0)).all()
