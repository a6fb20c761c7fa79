"""What is guarded: parity-recall is what it says, and its floors are theorems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from probekit.plugin.errors import UsageError
from probekit_probes.parity_recall.probe import ParityRecall
from probekit_probes.sequences import NO_ANSWER

ABOUT = 4
"""Standard errors within which a mean is a theorem's."""


def draw_small(count: int) -> ParityRecall:
    return ParityRecall(pairs=4, keys=9, values=7, bits=2, questions=3, train=10, test=count)


@pytest.mark.parametrize(("split", "first", "last"), [("test", 0, 3), ("harder", 3, 6)])
def test_brute_force_gives_the_same_answers(split: str, first: int, last: int) -> None:
    data = draw_small(400).data(split, 0)  # type: ignore[arg-type]
    data.ensure_drawn(range(400))
    sizes = set()
    for tokens, answers in zip(*data.parts, strict=True):
        known: dict[int, tuple[int, int]] = {}
        for place in range(0, 12, 3):
            key, even, odd = (int(token) for token in tokens[place : place + 3])
            if key:
                assert 3 <= key < 12 <= min(even, odd)
                assert key not in known
                assert even != odd
                known[key] = even, odd
        sizes.add(len(known))
        ones, wanted = 0, np.full(len(tokens), NO_ANSWER)
        for number, place in enumerate(range(12, 12 + 3 * last)):
            token = int(tokens[place])
            if number % 3 == 2:
                answer = known[token][ones % 2] - 12 + 2
            else:
                assert token in (1, 2)
                ones += token == 2
                answer = ones % 2
            if number >= 3 * first:
                wanted[place] = answer
        assert (tokens[12 + 3 * last :] == 0).all()
        assert (answers == wanted).all()
    assert sizes == {2, 3, 4}


def test_bits_keys_and_values_are_uniform() -> None:
    data = draw_small(6_000).data("test", 0)
    data.ensure_drawn(range(6_000))
    tokens = data.parts[0]
    for part, count in ((tokens[:, 12:14], 2), (tokens[:, 0], 9), (tokens[:, 1], 7), (tokens[:, 2], 7)):
        counts = np.bincount((part - part.min()).ravel())
        error = (part.size * (1 - 1 / count) / count) ** 0.5
        assert len(counts) == count
        assert np.abs(counts - part.size / count).max() < ABOUT * error


def test_half_solutions_score_as_the_theorem_says() -> None:
    """With k keys and V values: 1/2 without the parity, 1/k + (1 - 1/k)/V without the key."""
    probe = draw_small(8_000)
    inputs, targets = probe.data("test", 0).batch(range(8_000))
    keys = probe.count_keys(inputs)
    for name, chances in (
        ("recall without parity", {3: 1 / 2, 4: 1 / 2}),
        ("parity without recall", {count: 1 / count + (1 - 1 / count) / 7 for count in (3, 4)}),
    ):
        answers: Any = probe.controls()[name](inputs)
        scores = probe.metrics[0].score(answers, targets, inputs).double()
        assert scores[keys == 2].isnan().all()
        for count, chance in chances.items():
            counted = scores[keys == count]
            error = float(counted.std()) / len(counted) ** 0.5
            assert abs(float(counted.mean()) - chance) < ABOUT * error


def test_parities_are_answered_but_not_scored() -> None:
    probe = draw_small(200)
    inputs, targets = probe.data("test", 0).batch(range(200))
    output = targets.clone()
    output[:, :2] = 1 - output[:, :2]  # every parity is wrong
    output[:, :2] *= targets[:, :2].amax(1, keepdim=True)
    for metric in probe.metrics:
        scores = metric.score(output, targets, inputs)
        assert float(scores.nanmean()) == 1
    assert probe.axis
    on_axis = probe.axis.score(output, targets, inputs)
    assert (~on_axis.isnan()).sum() == 3 * 200
    assert torch.equal(on_axis.nansum(1), torch.full((200,), 3.0))


def test_too_few_keys_are_refused() -> None:
    with pytest.raises(UsageError, match="Type keys=8"):
        ParityRecall(pairs=8, keys=7)
