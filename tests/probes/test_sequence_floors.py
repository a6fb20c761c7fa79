"""What is guarded: windows and short memories score on sequences what their controls say, and no more."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from probekit_probes.copying.controls import FirstTokens, TokensByPlace
from probekit_probes.copying.probe import SelectiveCopying
from probekit_probes.parity.probe import Parity
from probekit_probes.recall.controls import FirstPairs
from probekit_probes.recall.probe import Recall
from probekit_probes.tracking.groups import group_table
from probekit_probes.tracking.probe import StateTracking

ABOUT = 4
"""Standard errors within which a mean is a theorem's."""
ITEMS = 3_000


def score_answers(probe: Any, answer: Any) -> torch.Tensor:
    """Return the first metric of the items that count, (items,) float64."""
    inputs, targets = probe.data("test", 0).batch(range(ITEMS))
    scores: torch.Tensor = probe.metrics[0].score(answer(inputs), targets, inputs).double()
    return scores[~scores.isnan()]


def is_about(scores: torch.Tensor, mean: float) -> bool:
    """Return whether the mean of the scores is a theorem's."""
    return abs(float(scores.mean()) - mean) < ABOUT * float(scores.std()) / len(scores) ** 0.5


def answer_by_window(window: int, group: str, moves: int) -> Any:
    """Return a solver that answers with the product of the last moves."""
    products = torch.from_numpy(group_table(group)).long()

    def answer(inputs: torch.Tensor) -> torch.Tensor:
        tokens = (inputs.argmax(1) - 1).clamp(0)
        state = torch.zeros_like(tokens)
        for place in range(moves):
            for move in range(max(0, place - window + 1), place + 1):
                state[:, place] = products[state[:, place], tokens[:, move]]
        return torch.nn.functional.one_hot(state, len(products)).mT.float()

    return answer


@pytest.mark.parametrize("window", [1, 8, 12])
def test_late_states_are_beyond_windows(window: int) -> None:
    """The product of the last moves is right by chance, 1/6: the product before them is uniform."""
    probe = StateTracking(moves=16, times=2, test=ITEMS)
    assert is_about(score_answers(probe, answer_by_window(window, "s3", 16)), 1 / 6)
    assert float(score_answers(probe, answer_by_window(16, "s3", 16)).mean()) == 1


@pytest.mark.parametrize("window", [1, 16, 32])
def test_late_parity_is_beyond_windows(window: int) -> None:
    probe = Parity(moves=64, test=ITEMS)
    assert is_about(score_answers(probe, answer_by_window(window, "z2", 64)), 1 / 2)


@pytest.mark.parametrize(
    ("probe", "weak", "strong"),
    [
        (Recall(test=ITEMS), "a value that occurs", "most frequent value"),
        (Recall(test=ITEMS), "most frequent value", "first two pairs"),
        (SelectiveCopying(test=ITEMS), "a token that occurs", "most frequent token"),
        (SelectiveCopying(test=ITEMS), "most frequent token", "first two tokens"),
    ],
)
def test_a_better_control_raises_the_floor(probe: Any, weak: str, strong: str) -> None:
    gain = score_answers(probe, probe.controls()[strong]) - score_answers(probe, probe.controls()[weak])
    assert float(gain.mean()) > ABOUT * float(gain.std()) / len(gain) ** 0.5


@pytest.mark.parametrize("probe", [Recall(test=400), SelectiveCopying(test=400)])
def test_only_the_longest_sequences_count(probe: Any) -> None:
    inputs, targets = probe.data("test", 0).batch(range(400))
    count = probe.contents(inputs, targets)["pairs" if isinstance(probe, Recall) else "tokens"]
    for metric in probe.metrics:
        scores = metric.score(targets, targets, inputs)
        assert torch.equal(scores.isnan(), count < 8)
        assert float(scores.nanmean()) == 1
    harder = probe.data("harder", 0).batch(range(100))
    assert not probe.metrics[0].score(harder[1], harder[1], harder[0]).isnan().any()


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_memory_of_pairs_knows_them(count: int) -> None:
    probe = Recall(test=ITEMS, values=200)
    scores = score_answers(probe, FirstPairs(count, 32, 200))
    assert bool((scores >= count / 8).all())
    assert float(scores.mean()) < count / 8 + 1 / 6


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_memory_of_tokens_knows_them(count: int) -> None:
    probe = SelectiveCopying(test=ITEMS, values=64, noise=32)
    scores = score_answers(probe, FirstTokens(count))
    assert bool((scores >= count / 8).all())
    assert float(scores.mean()) < count / 8 + 1 / 6


def test_a_place_tells_less_at_uneven_distances() -> None:
    """At even distances, places between the first and the last token tell 0.68 of eight tokens."""
    probe = SelectiveCopying(train=2_048, test=ITEMS)
    control = TokensByPlace()
    control.fit(probe.data("train", 0))
    assert 0.40 < float(score_answers(probe, control).mean()) < 0.53
