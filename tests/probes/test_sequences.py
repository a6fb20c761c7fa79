"""What is guarded: words of probes along a sequence are what they say, and floors are theorems."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at
from probekit.plugin import masked
from probekit.plugin.errors import UsageError
from probekit.runs.splits import Splits
from probekit_probes.copying.probe import SelectiveCopying
from probekit_probes.multihop.probe import MultiHop
from probekit_probes.recall.probe import Recall
from probekit_probes.sequences import NO_ANSWER, WINDOW_LENGTH, build_causal_window
from probekit_probes.tracking.controls import AnyOrder, LastMove
from probekit_probes.tracking.groups import NAMES, commutator_cosets, compose_permutations, group_table
from probekit_probes.tracking.oracle import group_matrices
from probekit_probes.tracking.probe import StateTracking

PROBES = ("recall", "state-tracking", "parity", "parity-recall", "multi-hop", "selective-copying")
ABOUT = 4
"""Standard errors within which a mean is a theorem's."""


def words(probe: Any, split: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = probe.data(split, 0).batch(range(count))
    return inputs, targets


@pytest.mark.parametrize("scale", ["smoke", "quick", "large"])
@pytest.mark.parametrize("name", PROBES)
def test_the_oracle_solves_every_split_from_the_input_alone(name: str, scale: str) -> None:
    probe = make_probe_at(name, scale, registry(), test=100)
    for split in ("train", "test", "harder"):
        inputs, targets = words(probe, split, 100)
        assert torch.equal(probe.oracle(inputs), targets)
        assert all(bool(rule.all()) for rule in probe.certified(inputs).values())
        assert float(probe.loss(200 * targets - 100, targets)) == 0


@pytest.mark.parametrize("name", PROBES)
def test_the_items_are_the_same_on_a_device_and_the_harder_ones_are_drawn_apart(name: str) -> None:
    probe = make_probe_at(name, "smoke", registry())
    data = probe.data("harder", 0)
    there = data.on(torch.device("cpu"))
    for one, other in zip(data.batch([5, 0]), there.batch([5, 0]), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(there[5][0], data[5][0])
    splits = Splits(probe, 0)
    assert splits.extrapolation is not None
    assert len(splits.extrapolation) == len(splits.test)


@pytest.mark.parametrize("pairs", [2, 8])
def test_a_value_that_occurs_is_right_as_often_as_the_theorem_says(pairs: int) -> None:
    probe = Recall(pairs=pairs, keys=32, values=16, test=20_000)
    inputs, targets = words(probe, "test", 20_000)
    scores = masked.masked_accuracy(probe.controls()["a value that occurs"](inputs), targets, inputs)
    held = probe.count_pairs(inputs, targets)
    assert set(held.tolist()) == set(map(float, range(2, pairs + 1)))
    for count in range(2, pairs + 1):
        some = scores[held == count].double()
        error = float(some.std()) / len(some) ** 0.5
        assert abs(float(some.mean()) - (1 / count + (1 - 1 / count) / 16)) < ABOUT * error


def test_recall_asks_for_every_key_once_where_no_value_follows_and_harder_words_hold_more_pairs() -> None:
    probe = Recall(pairs=4, keys=9, values=5, test=500)
    for split, least, most in (("test", 2, 4), ("harder", 5, 8)):
        data = probe.data(split, 0)  # type: ignore[arg-type]
        data.ensure_drawn(range(500))
        for tokens, answers in zip(*data.parts, strict=True):
            known = dict(zip(tokens[0:16:2], tokens[1:16:2], strict=True))
            known.pop(0, None)
            assert least <= len(known) <= most
            asked = np.flatnonzero(answers != NO_ANSWER)
            assert asked.min() >= 16
            assert sorted(tokens[asked]) == sorted(known)
            assert [known[tokens[place]] - 10 for place in asked] == answers[asked].tolist()
            assert (tokens[16:][answers[16:] == NO_ANSWER] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_a_group_and_the_oracle_s_matrices_multiply_as_it_says(name: str) -> None:
    of, known = group_table(name), group_matrices(name)
    order = len(of)
    assert (of[0] == np.arange(order)).all()
    assert (of[:, 0] == np.arange(order)).all()
    assert all(sorted(row) == list(range(order)) for row in of)
    some = range(order) if order < 10 else range(0, order, 7)
    for a, b, c in product(some, repeat=3):
        assert of[of[a, b], c] == of[a, of[b, c]]
    for a, b in product(some, repeat=2):
        assert torch.equal(known[a] @ known[b], known[int(of[a, b])])


def test_permutations_are_composed_from_left_to_right() -> None:
    assert compose_permutations((1, 2, 0), (0, 2, 1)) == (2, 1, 0)


@pytest.mark.parametrize(("name", "count"), [("s3", 2), ("z6", 6), ("a5", 1), ("a4xz5", 15), ("z2", 2)])
def test_cosets_are_those_of_the_commutator_subgroup(name: str, count: int) -> None:
    found = commutator_cosets(name)
    assert sorted(set(found.tolist())) == list(range(count))
    of = group_table(name)
    for a, b in product(range(len(of)), repeat=2):
        assert found[of[a, b]] == found[of[b, a]]


@pytest.mark.parametrize("group", ["s3", "z6", "z2"])
@pytest.mark.parametrize("seen", [1, WINDOW_LENGTH])
def test_the_best_of_a_window_is_right_as_often_as_the_theorem_says(group: str, seen: int) -> None:
    """Of L states and order n a window of r is right in r/L + (1 - r/L)/n: what came before is uniform."""
    moves = 16
    probe = StateTracking(group=group, moves=moves, times=2, test=8_000)  # type: ignore[arg-type]
    inputs, targets = words(probe, "test", 8_000)
    tokens = inputs.argmax(1) - 1
    of = torch.from_numpy(group_table(group)).long()
    found = torch.zeros_like(tokens)
    for place in range(moves):
        for move in range(max(0, place - seen + 1), place + 1):
            found[:, place] = of[found[:, place], tokens[:, move]]
    right = (found == targets.argmax(1))[:, :moves].double().mean(1)
    order = len(of)
    error = float(right.std()) / len(right) ** 0.5
    assert abs(float(right.mean()) - (seen / moves + (1 - seen / moves) / order)) < ABOUT * error
    if seen == 1:
        last = masked.masked_accuracy(LastMove()(inputs), targets, inputs).double()
        assert torch.allclose(last, right)


@pytest.mark.parametrize(("group", "chance"), [("s3", 1 / 3), ("a5", 1 / 60), ("a4xz5", 1 / 4), ("z6", 1.0)])
def test_moves_in_any_order_tell_the_coset_and_no_more(group: str, chance: float) -> None:
    probe = StateTracking(group=group, moves=12, times=2, test=4_000)  # type: ignore[arg-type]
    inputs, targets = words(probe, "test", 4_000)
    scores = probe.metrics[0].score(AnyOrder(group)(inputs), targets, inputs).double()
    error = float(scores.std()) / len(scores) ** 0.5
    assert abs(float(scores.mean()) - chance) <= ABOUT * error


def test_the_harder_words_are_asked_where_those_of_training_end() -> None:
    probe = StateTracking(moves=5, times=3, test=50)
    for split, first, last in (("test", 0, 5), ("harder", 5, 15)):
        _, targets = words(probe, split, 50)
        asked = targets.any(1)
        assert asked[:, first:last].all()
        assert int(asked.sum()) == 50 * (last - first)


def test_the_window_control_sees_the_positions_up_to_each_and_no_others() -> None:
    torch.manual_seed(0)
    probe = StateTracking(moves=10, times=2, test=8)
    model = build_causal_window(probe.shape, width=4)
    inputs, _ = words(probe, "harder", 1)
    moved = inputs.clone().requires_grad_()
    model(moved)[0, :, 12].sum().backward()
    assert moved.grad is not None
    assert moved.grad[0].abs().sum(0).nonzero().flatten().tolist() == list(range(12 - WINDOW_LENGTH + 1, 13))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Recall(pairs=8, keys=15), "Type keys=16"),
        (lambda: Recall(keys=128, values=128), "holds at most 250 tokens"),
        (lambda: MultiHop(nodes=3, hops=3), "Type nodes=10, hops=2"),
        (lambda: SelectiveCopying(tokens=8, noise=10), "Type noise=16 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_type(build: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build()


@pytest.mark.parametrize("hops", [2, 3])
def test_one_lookup_knows_the_next_node_and_guesses_among_the_others(hops: int) -> None:
    """On a cycle of n nodes it is right in 1 / (n - 2) of the questions that count."""
    probe = MultiHop(nodes=7, least=7, hops=hops, test=5_000)
    inputs, targets = words(probe, "test", 5_000)
    answers = probe.controls()["one lookup"](inputs)
    long = inputs[:, 1:15, 0:42:3].sum((1, 2)) == 7
    right, steps = masked.is_correct(answers, targets, inputs), probe.count_steps(inputs, targets)
    assert (right[steps == 1] == 1).all()
    counted = (steps > 1) & long[:, None]
    count = int(counted.sum())
    assert abs(right[counted].mean().item() - 1 / 5) < ABOUT * (1 / 5 * 4 / 5 / count) ** 0.5
    score = probe.metrics[0].score(answers, targets, inputs).nanmean().item()
    assert score == pytest.approx(1 / 5, abs=0.03)


def test_an_easy_question_asks_for_one_step_and_counts() -> None:
    hard, easy = (MultiHop(nodes=6, least=5, easy=easy, test=300) for easy in (False, True))
    inputs, targets = words(easy, "test", 300)
    assert torch.equal(easy.oracle(inputs), targets)
    assert set(easy.count_steps(inputs, targets).unique().tolist()) == {0.0, 1.0}
    answers = easy.controls()["one lookup"](inputs)
    assert easy.metrics[0].score(answers, targets, inputs).nanmean() == 1
    assert hard.metrics[0].score(answers, targets, inputs).isnan().all()
    assert hard.metrics[1].score(answers, targets, inputs).isnan().all()
    assert hard.shape == easy.shape
    assert torch.equal(words(hard, "test", 300)[0][:, :, :36], inputs[:, :, :36])


@pytest.mark.parametrize("split", ["test", "harder"])
def test_an_easy_state_is_the_product_of_the_last_two_moves(split: str) -> None:
    probe = StateTracking(moves=6, times=2, easy=True, test=200)
    inputs, targets = words(probe, split, 200)
    assert torch.equal(probe.oracle(inputs), targets)
    tokens, of = inputs.argmax(1) - 1, torch.from_numpy(group_table("s3")).long()
    asked = targets.any(1)
    product_of_two = torch.cat([tokens[:, :1], of[tokens[:, :-1].clamp(0), tokens[:, 1:].clamp(0)]], 1)
    assert torch.equal(product_of_two[asked], targets.argmax(1)[asked])


def test_the_pairs_of_a_word_are_one_cycle_of_as_many_nodes_as_the_split_says() -> None:
    probe = MultiHop(nodes=6, least=5, hops=3, test=300)
    for split, least, most in (("test", 4, 6), ("harder", 7, 12)):
        data = probe.data(split, 0)  # type: ignore[arg-type]
        data.ensure_drawn(range(300))
        sizes = set()
        for tokens, answers in zip(*data.parts, strict=True):
            pairs = tokens[:36].reshape(12, 3)
            assert (pairs[:, 2] == 0).all()
            follows = {int(a): int(b) for a, b, _ in pairs if a}
            node, seen = next(iter(follows)), []
            while node not in seen:
                seen.append(node)
                node = follows[node]
            assert sorted(seen) == sorted(follows) == sorted(follows.values())
            sizes.add(len(seen))
            for hop, start, answer in zip(tokens[36::2], tokens[37::2], answers[37::2], strict=True):
                node = int(start)
                for _ in range(int(hop) - 12):
                    node = follows[node]
                assert node == answer + 1
            assert (answers[:36] == NO_ANSWER).all()
            assert (answers[36::2] == NO_ANSWER).all()
        assert sizes == set(range(least, most + 1))


@pytest.mark.parametrize("tokens", [2, 8])
def test_a_token_that_occurs_is_right_as_often_as_the_theorem_says(tokens: int) -> None:
    probe = SelectiveCopying(tokens=tokens, values=16, noise=32, test=10_000)
    inputs, targets = words(probe, "test", 10_000)
    scores = masked.masked_accuracy(probe.controls()["a token that occurs"](inputs), targets, inputs)
    held = probe.count_tokens(inputs, targets)
    counts = range(max(2, tokens // 2), tokens + 1)
    assert set(held.tolist()) == set(map(float, counts))
    for count in counts:
        some = scores[held == count].double()
        error = float(some.std()) / len(some) ** 0.5
        assert abs(float(some.mean()) - (1 / count + (1 - 1 / count) / 16)) < ABOUT * error


def test_what_stands_among_noise_is_asked_for_in_its_order() -> None:
    probe = SelectiveCopying(tokens=3, values=5, noise=20, test=300)
    for split, least, most in (("test", 2, 3), ("harder", 4, 6)):
        data = probe.data(split, 0)  # type: ignore[arg-type]
        data.ensure_drawn(range(300))
        for tokens, answers in zip(*data.parts, strict=True):
            said = [int(token) - 2 for token in tokens[:20] if token]
            assert least <= len(said) <= most
            assert (tokens[20:] == 1).all()
            assert answers[20 : 20 + len(said)].tolist() == said
            assert (answers[:20] == NO_ANSWER).all()
            assert (answers[20 + len(said) :] == NO_ANSWER).all()
