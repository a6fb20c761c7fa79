"""What is guarded: an undecided verdict names what would decide it, and about how much that takes."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest
from stores import card_of, only, put

from probekit.cards.notes import column_notes
from probekit.evidence.deciding.power import Outlook
from probekit.evidence.estimate import estimate_mean
from probekit.evidence.verdict import HAS, PARTLY, Evidence, judge_evidence
from probekit.evidence.words import Word
from probekit.storage.store import Store

THRESHOLDS = (HAS, PARTLY)
NEAR = Outlook(mean=0.85, seeds=3, own=0.04**2, predicted=0.04**2, freedom=60)
CELLS = (
    (0.80, 0.05, 1.0), (0.84, 0.05, 1.0), (0.86, 0.04, 1.0), (0.95, 0.05, 1.0), (0.94, 0.03, 1.0),
    (0.30, 0.05, 1.0), (0.32, 0.05, 1.5), (0.20, 0.04, 0.5), (0.50, 0.20, 1.0), (0.82, 0.06, 2.0),
)  # fmt: skip
"""True mean, deviation of the noise model, and by how much the structure varies more."""
MOST = 400


def is_decided(scores: list[float], deviation: float) -> bool:
    """Judge scores as a verdict does."""
    estimate = estimate_mean(scores, deviation**2, 60)
    assert estimate is not None
    evidence = Evidence(estimate.mean, estimate.interval((None, 1.0)), 0.99)
    return judge_evidence(evidence).word is not Word.UNDECIDED


@pytest.mark.parametrize(("mean", "deviation", "ratio"), CELLS)
def test_the_seeds_named_are_right_within_two(mean: float, deviation: float, ratio: float) -> None:
    chance = np.random.default_rng(0)
    predicted, needed = [], []
    while len(predicted) < 100:
        scores = list(chance.normal(mean, ratio * deviation, 3))
        if is_decided(scores, deviation):
            continue
        outlook = Outlook(float(np.mean(scores)), 3, float(np.var(scores, ddof=1)), deviation**2, 60)
        predicted.append((outlook.count_seeds(THRESHOLDS) or MOST) - 3)
        while len(scores) < MOST and not is_decided(scores, deviation):
            scores.append(chance.normal(mean, ratio * deviation))
        needed.append(len(scores) - 3)
    assert np.median(needed) / 2 <= np.median(predicted) <= 2 * np.median(needed)


def test_more_seeds_decide_more_often() -> None:
    chance = NEAR.find_chance(np.arange(4, 200), THRESHOLDS)
    assert (np.diff(chance) > -1e-9).all()
    assert 0 <= chance[0] < 0.5 < chance[-1] < 1


def test_a_higher_level_takes_more_seeds() -> None:
    plain, careful = (NEAR.count_seeds(THRESHOLDS, level) or 0 for level in (0.95, 0.99))
    assert 3 < plain < careful


def test_noise_of_items_is_not_removed_by_seeds() -> None:
    assert replace(NEAR, fixed=0.1**2, fixed_freedom=99).count_seeds(THRESHOLDS) is None


def test_an_undecided_cell_names_its_command(store: Store) -> None:
    put(store, "unet", {0: 0.085, 1: 0.08})
    put(store, "unet+average", {0: 0.5})
    card = card_of(store)
    step = only(card, "unet").next_step
    assert only(card, "unet+average").next_step is None
    assert step is not None
    assert step.seconds == pytest.approx(2.0 * step.seeds)
    words = ["probekit", "run", "noisy", "-s", "unet", "--scale", "smoke", "--seeds", str(2 + step.seeds)]
    assert shlex.split(step.command) == words
    put(store, "unet", dict.fromkeys(range(2, 2 + step.seeds), 0.0825))
    assert only(card_of(store), "unet").verdict.word is Word.HAS
    note = f"unet, next step: about {step.seeds} more seed"
    assert any(line.startswith(note) for line in column_notes(card.columns[0]))


def test_a_score_at_the_threshold_is_not_worth_it(store: Store) -> None:
    put(store, "unet", {seed: 0.1 + (-1) ** seed * 0.01 for seed in range(8)})
    step = only(card_of(store), "unet").next_step
    assert step is not None
    assert (step.command, step.seeds) == ("", 0)
    assert step.reason.startswith("within 1% of the threshold; about ")


def test_without_noise_three_seeds_come_first(store: Store) -> None:
    put(store, "unet", {5: 0.05}, scale="calm")
    step = only(card_of(store), "unet").next_step
    assert step is not None
    assert step.command.endswith("--scale calm --seeds 2")
    put(store, "unet", {0: 0.05, 1: 0.05}, scale="calm")
    step = only(card_of(store), "unet").next_step
    assert step is not None
    assert step.reason == "four other structures in this store would show how much seeds vary"
