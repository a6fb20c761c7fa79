"""What is guarded: an easy task on words has the format of its probe, and a local rule solves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from probekit.catalog.registry import registry
from probekit.plans.golden import list_splits
from probekit.plans.scale import make_probe_at, resolve_at_scale
from probekit.scores.score import mean_scores

Rule = Callable[[Any, Tensor], Tensor]


def read_value_before(probe: Any, inputs: Tensor) -> Tensor:
    """Answer with the value one position before."""
    return functional.pad(inputs[:, 1 + probe.keys :, :-1], (1, 0))


def read_token_before(probe: Any, inputs: Tensor) -> Tensor:
    """Answer with the token as many positions before as there are goes."""
    distance = int(inputs[0, 1].sum())
    return functional.pad(inputs[:, 2:, :-distance], (distance, 0))


def add_last_bits(probe: Any, inputs: Tensor) -> Tensor:
    """Answer with the parity of the last two bits."""
    bits = inputs[:, 2]
    parity = (bits + functional.pad(bits[:, :-1], (1, 0))) % 2
    return torch.stack([1 - parity, parity], 1)


def read_code(probe: Any, inputs: Tensor) -> Tensor:
    """Answer with the code that a position shows."""
    return inputs[:, 3:]


RULES: dict[str, Rule] = {
    "recall": read_value_before,
    "selective-copying": read_token_before,
    "parity": add_last_bits,
    "grouping": read_code,
}
FLAGS = ("(easy=false)", "(easy=true)")


@pytest.mark.parametrize("scale", ["smoke", "quick"])
@pytest.mark.parametrize("name", [*RULES, "multi-hop", "parity-recall", "state-tracking"])
def test_an_easy_task_keeps_the_format(name: str, scale: str) -> None:
    hard, easy = (
        make_probe_at(f"{name}(easy={flag})", scale, registry(), train=64, test=64)
        for flag in ("false", "true")
    )
    assert hard.shape == easy.shape
    assert list_splits(hard) == list_splits(easy)
    for split in list_splits(easy):
        inputs, targets = easy.data(split, 0).batch(range(64))
        assert len(easy.data(split, 0)) == len(hard.data(split, 0))
        assert not torch.equal(inputs, hard.data(split, 0).batch(range(64))[0]) or not torch.equal(
            targets, hard.data(split, 0).batch(range(64))[1]
        )
        assert torch.equal(easy.oracle(inputs), targets)
        assert all(bool(rule.all()) for rule in easy.certified(inputs).values())


@pytest.mark.parametrize(
    "name", [name for name in RULES if make_probe_at(name, "smoke", registry()).added_parameters]
)
def test_the_default_keeps_the_text_of_earlier_plans(name: str) -> None:
    texts = [resolve_at_scale(f"{name}{params}", "quick", registry())[1].text for params in ("", *FLAGS)]
    assert "easy" not in texts[0]
    assert texts[1] == texts[0]
    assert "easy=true" in texts[2]


@pytest.mark.parametrize("name", RULES)
def test_a_local_rule_solves_the_easy_task_only(name: str) -> None:
    scores = {}
    for flag in ("false", "true"):
        probe = make_probe_at(f"{name}(easy={flag})", "smoke", registry(), test=200)
        for split in list_splits(probe):
            inputs, targets = probe.data(split, 0).batch(range(64))
            items = probe.metrics[0].score(RULES[name](probe, inputs), targets, inputs)
            scores[flag, split] = mean_scores({"": items})[""]
    assert {score for (flag, _), score in scores.items() if flag == "true"} == {1.0}
    assert all(score < 0.7 for (flag, _), score in scores.items() if flag == "false" and score is not None)
