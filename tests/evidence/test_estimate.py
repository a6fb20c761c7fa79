"""What is guarded: an estimate holds the noise of seeds and items; a noise model is of other structures."""

from __future__ import annotations

from statistics import variance

import numpy as np
import pytest

from probekit.catalog.registry import registry
from probekit.evidence.estimate import (
    Estimate,
    add_variances,
    choose_variance,
    estimate_mean,
    estimate_score,
    normalize_bounds,
    normalize_estimate,
)
from probekit.evidence.groups import split_seeds
from probekit.evidence.noise_model import (
    MIN_STRUCTURES,
    NoiseModel,
    ScaleNoise,
    fit_noise,
    measure_resolution,
    measure_room,
    measure_spread,
)
from probekit.plans.scale import make_probe_at
from probekit.plugin.interfaces import Metric
from probekit_probes.noise import MEASURED

ACCURACY = Metric("accuracy", "higher", 1.0, lambda output, target, inputs: output, "", bounds=(0.0, 1.0))
LOSS = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "", bounds=(0.0, None))


def flat(deviation: float, freedom: float = 8) -> NoiseModel:
    return NoiseModel(deviation**2, 0.0, freedom, ACCURACY)


def test_three_seeds_that_vary_more_than_others_are_judged_by_themselves() -> None:
    wild = estimate_score([0.2, 0.5, 0.8], flat(0.01))
    assert wild is not None
    assert (wild.error, wild.freedom) == (
        pytest.approx((variance([0.2, 0.5, 0.8]) / 3) ** 0.5),
        pytest.approx(2, abs=0.02),
    )
    calm = estimate_score([0.5, 0.5, 0.5001], flat(0.01))
    assert calm is not None
    assert (calm.error, calm.freedom) == (pytest.approx(0.01 * (2 / 3) ** 0.5), pytest.approx(8))


def test_degrees_of_freedom_fall_without_a_step_as_the_own_variance_grows() -> None:
    _, freedoms = choose_variance([1.9, 2.0, 2.1, 4.0, 100.0], [3] * 5, [1.0] * 5, [40] * 5)
    assert freedoms.tolist() == pytest.approx([40, 40, 42, 7.6, 2.08], abs=0.15)


def test_two_seeds_are_judged_by_the_model_however_they_vary() -> None:
    for scores in ([0.5, 0.5], [0.2, 0.9]):
        found = estimate_score(scores, flat(0.01))
        assert found is not None
        assert (found.error, found.freedom) == (pytest.approx(0.01), 8)


@pytest.mark.parametrize("scores", [[], [0.5], [0.1, 0.9], [0.5, 0.5, 0.5], [0.5, float("nan"), 0.4]])
def test_without_a_model_nothing_is_known_of_few_seeds_or_of_seeds_that_agree(scores: list[float]) -> None:
    assert estimate_score(scores, None) is None


def test_test_items_make_an_estimate_less_certain_however_many_seeds_there_are() -> None:
    scores = [0.5 + 0.001 * (seed % 3) for seed in range(30)]
    bare, whole = estimate_mean(scores, None, 0), estimate_mean(scores, None, 0, 0.02**2, 500)
    assert bare is not None
    assert whole is not None
    assert bare.error < 0.001
    assert whole.error == pytest.approx((bare.error**2 + 0.02**2) ** 0.5)
    assert 400 < whole.freedom < 600


def test_a_seed_more_never_widens_the_model_s_interval() -> None:
    widths = []
    for seeds in range(1, 8):
        found = estimate_score([0.5] * seeds, flat(0.02))
        assert found is not None
        widths.append(found.interval()[1])
    assert widths == sorted(widths, reverse=True)


def test_variances_add_as_satterthwaite_says() -> None:
    total, freedom = add_variances(1.0, 2, 1.0, 2)
    assert (float(total), float(freedom)) == (2.0, 4.0)
    total, freedom = add_variances(1.0, 2, 0.0, 50)
    assert (float(total), float(freedom)) == (1.0, 2.0)
    chosen, freedoms = choose_variance([4.0, 1.0], [3, 3], [1.0, 1.0], [9, 9])
    assert (chosen.tolist(), freedoms.tolist()) == ([4.0, 2.0], [pytest.approx(6.545, abs=0.01), 9.0])


def test_the_error_of_a_floor_is_carried_into_places() -> None:
    estimate = Estimate(mean=0.75, error=0.0, freedom=2, seeds=3)
    exact, fitted = (normalize_estimate(estimate, ACCURACY, 0.5, error) for error in (0.0, 0.1))
    assert exact is not None
    assert fitted is not None
    assert (exact.mean, exact.error) == (0.5, 0.0)
    # the place is (0.75 - f) / (1 - f): at f = 0.5 its slope is -1
    assert fitted.error == pytest.approx(0.1)
    assert normalize_estimate(estimate, ACCURACY, None) is None
    assert normalize_bounds(ACCURACY, 0.5) == (-1.0, 1.0)
    assert normalize_bounds(LOSS, 0.5) == (None, 1.0)


def test_a_model_finds_the_exponent_and_the_size_of_the_noise() -> None:
    chance, rooms = np.random.default_rng(0), np.geomspace(0.001, 0.25, 400)
    for exponent in (0.0, 0.5, 1.0):
        seeds = 0.2 * rooms[:, None] ** exponent * chance.standard_normal((400, 3))
        tau, gamma, freedom = fit_noise(seeds.var(1, ddof=1), rooms, np.full(400, 2))
        assert float(gamma) == pytest.approx(exponent, abs=0.05)
        assert float(tau) ** 0.5 == pytest.approx(0.2, rel=0.25)
        assert 600 < float(freedom) <= 798


def test_a_few_loud_structures_leave_few_degrees_of_freedom() -> None:
    alike, loud = np.ones(20), np.array([100.0] + [0.01] * 19)
    rooms, weights = np.ones(20), np.full(20, 2)
    assert float(fit_noise(alike, rooms, weights)[2]) == 38
    assert float(fit_noise(loud, rooms, weights)[2]) == pytest.approx(4, abs=0.1)


def test_the_judged_structure_is_left_out() -> None:
    calm = {str(index): measure_spread([0.5, 0.51, 0.52]) for index in range(MIN_STRUCTURES)}
    noise = ScaleNoise(ACCURACY, {**calm, "loud": measure_spread([0.1, 0.5, 0.9])})
    of_loud, of_calm = noise.fit_without("loud"), noise.fit_without("0")
    assert of_loud is not None
    assert of_calm is not None
    assert float(of_loud.predict(0.5)) == pytest.approx(1e-4)
    assert float(of_calm.predict(0.5)) > 0.01


def test_too_few_other_structures_leave_what_is_stated() -> None:
    few = {str(index): measure_spread([0.5, 0.51, 0.52]) for index in range(MIN_STRUCTURES)}
    assert ScaleNoise(ACCURACY, few).fit_without("0") is None
    stated = ScaleNoise(ACCURACY, few, stated=0.3).fit_without("0")
    assert stated is not None
    assert float(stated.predict(0.99)) == pytest.approx(0.09)


def test_noise_is_smaller_near_the_ends_of_a_range_and_never_below_one_item() -> None:
    assert measure_room([0.0, 0.5, 1.0], ACCURACY, 0.01).tolist() == pytest.approx([0.0099, 0.25, 0.0099])
    assert measure_room([0.0, 0.5], LOSS, 0.01).tolist() == [0.01, 0.5]
    endless = Metric("reward", "higher", float("inf"), lambda output, target, inputs: output, "")
    assert measure_room([3.0, 9.0], endless).tolist() == [1.0, 1.0]
    assert measure_resolution(ACCURACY, 0.5, 500) == 0.001
    assert measure_resolution(ACCURACY, None, 500) == 0.0
    model = NoiseModel(1e-12, 1.0, 8, ACCURACY, 0.01)
    assert float(model.predict(1.0)) == pytest.approx(1e-4)


def test_seeds_are_split_only_where_the_gap_is_wide() -> None:
    assert split_seeds([0.1, 0.99, 0.98, 0.12], flat(0.02)) == ([0.1, 0.12], [0.98, 0.99])
    assert split_seeds([0.1, 0.99, 0.98], flat(0.02)) is None  # three seeds
    assert split_seeds([0.1, 0.99, 0.98, 0.12], None) is None
    assert split_seeds([0.1, 0.99, 0.98, 0.12], flat(0.3)) is None
    assert split_seeds([0.1, 0.4, 0.7, 0.99], flat(0.02)) is None  # no gap is wider than all others


@pytest.mark.parametrize("name", sorted(probe for probe in MEASURED if "quick" in MEASURED[probe]))
def test_one_perfect_seed_has_it_at_each_quick_scale(name: str) -> None:
    probe = make_probe_at(name, "quick", registry())
    metric, scale = probe.metrics[0], probe.scales["quick"]
    floor = 0.0 if metric.better == "higher" else 0.017
    resolution = measure_resolution(metric, floor, 500)
    noise = ScaleNoise(metric, scale.spreads[metric.name], scale.noise[metric.name], resolution)
    found = estimate_score([metric.perfect], noise.fit_without("a new layer"))
    assert found is not None
    place = normalize_estimate(found, metric, floor)
    assert place is not None
    assert place.interval(normalize_bounds(metric, floor))[0] > probe.thresholds[0]
