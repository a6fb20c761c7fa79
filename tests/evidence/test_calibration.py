"""What is guarded: false claims are as rare as stated, whatever the spreads; seeds alone claim too much."""

from __future__ import annotations

import numpy as np
import pytest
from calibration import (
    ACCURACY,
    GAMMA,
    RESOLUTION,
    SPREADS,
    TAU,
    Setting,
    count_false_claims,
    judge,
    judge_by_old_rule,
    judge_by_welch,
    limit,
    room,
    settings,
    simulate,
)
from scipy.special import stdtrit

from probekit.evidence.differences import find_behind
from probekit.evidence.estimate import estimate_score
from probekit.evidence.groups import split_seeds
from probekit.evidence.noise_model import ScaleNoise, measure_spread
from probekit.plugin.declarations import SeedSpread

REDUCED = [
    Setting(spread, shape, count, 3)
    for spread in SPREADS
    for shape, count in (("normal", 5), ("skewed", 2), ("one in ten fails", 9))
]


def name_of(setting: Setting) -> str:
    """Return the name of a case."""
    return f"{setting.spread}, {setting.shape}, {setting.structures} x {setting.seeds}"


@pytest.mark.parametrize("setting", REDUCED, ids=name_of)
def test_a_false_claim_is_as_rare_as_stated(setting: Setting) -> None:
    tables = 1000
    claims = count_false_claims(judge(*simulate(np.random.default_rng(1), setting, tables)))
    assert max(claims) <= limit(tables)


@pytest.mark.slow
@pytest.mark.parametrize("setting", [one for one in settings() if not one.is_named], ids=name_of)
def test_a_false_claim_is_as_rare_as_stated_in_every_table(setting: Setting) -> None:
    tables = 1000
    claims = count_false_claims(judge(*simulate(np.random.default_rng(2), setting, tables)))
    assert max(claims) <= limit(tables)


@pytest.mark.parametrize(
    "setting", [Setting("real", "80:20", 9, 3), Setting("equal", "50:50", 5, 3)], ids=name_of
)
def test_seeds_alone_claim_far_too_much(setting: Setting) -> None:
    claims = count_false_claims(judge_by_welch(*simulate(np.random.default_rng(3), setting, 1000)))
    assert max(claims) > 2 * limit(1000)


@pytest.mark.parametrize(("structures", "seeds", "least"), [(5, 3, 0.40), (9, 3, 0.33), (9, 5, 0.55)])
def test_what_is_behind_is_found_more_often_than_by_the_rule_of_0_1(
    structures: int, seeds: int, least: float
) -> None:
    setting = Setting("real", "normal", structures, seeds)
    scores, means, variances = simulate(np.random.default_rng(4), setting, 1000, gap=4)
    now = find_behind(*judge(scores, means, variances))[:, 1:].mean()
    assert now > judge_by_old_rule(scores, variances)[:, 1:].mean()
    assert now > least


def test_a_claim_returns_with_other_seeds() -> None:
    scores, means, variances = simulate(
        np.random.default_rng(5), Setting("real", "normal", 5, 10), 1000, gap=6
    )
    first, again = (
        find_behind(*judge(half, means, variances)) for half in (scores[..., :5], scores[..., 5:])
    )
    assert (first & again).sum() / first.sum() > 0.9


def test_a_seed_more_leaves_no_more_undecided() -> None:
    for gap in (1, 2, 3):
        shares = []
        for seeds in (2, 3, 4, 5):
            setting = Setting("equal", "normal", 5, seeds)
            mean, square, freedom = judge(*simulate(np.random.default_rng(6), setting, 2000))
            half = stdtrit(freedom, 0.975) * np.sqrt(square)
            threshold = setting.mean - gap * np.sqrt(TAU) * room(np.array(setting.mean)) ** GAMMA
            shares.append(((mean - half < threshold) & (threshold <= mean + half)).mean())
        assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_simulation_judges_as_the_product_does(seeds: int) -> None:
    setting = Setting("real", "normal", 5, seeds)
    scores, means, variances = simulate(np.random.default_rng(7), setting, 1)
    mean, square, freedom = judge(scores, means, variances)
    before = {
        f"before {index}": SeedSpread(float(value), float(variance), 3)
        for index, (value, variance) in enumerate(zip(means[0], variances[0], strict=True))
    }
    rows = {str(index): row.tolist() for index, row in enumerate(scores[0])}
    spreads = {**before, **{name: measure_spread(row) for name, row in rows.items()}}
    noise = ScaleNoise(ACCURACY, spreads, resolution=RESOLUTION)
    for index, (name, row) in enumerate(rows.items()):
        model = noise.fit_without(name)
        if split_seeds(row, model) is not None:
            assert square[0, index] == np.inf
            continue
        found = estimate_score(row, model)
        assert found is not None
        assert (found.mean, found.error**2, found.freedom) == pytest.approx(
            (mean[0, index], square[0, index], freedom[0, index])
        )
