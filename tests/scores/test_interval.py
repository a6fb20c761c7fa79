"""What is guarded: quantiles of Student's t are those of the tables, and intervals cover as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probekit.catalog.registry import registry
from probekit.evidence.compare import subtract_estimates
from probekit.evidence.estimate import Estimate
from probekit.plans.scale import make_probe_at
from probekit.scores.interval import OPEN, Bounds, difference_bounds, mean_interval, t_quantile


@pytest.mark.parametrize(
    ("freedom", "table"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_those_of_the_tables(freedom: int, table: float) -> None:
    assert t_quantile(freedom) == pytest.approx(table, abs=6e-4)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_over_seeds_holds_the_truth_nineteen_times_in_twenty(seeds: int) -> None:
    draws = np.random.default_rng(0).normal(size=(2000, seeds))
    found = [mean_interval(row.tolist(), "seeds") for row in draws]
    held = sum(one is not None and one.low <= 0 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("values", "bounds", "ends"),
    [
        ([0.2, 0.9, 0.4], (0.0, 1.0), (0.0, 1.0)),
        ([0.01, 0.0, 0.05], (0.0, None), (0.0, pytest.approx(0.0857, abs=1e-3))),
        ([1.0, 0.9], (None, 1.0), (pytest.approx(0.3147, abs=1e-3), 1.0)),
        ([1.0, 1.0], (0.0, 1.0), (1.0, 1.0)),
        ([0.5, 0.5001], (0.0, 1.0), (pytest.approx(0.4994, abs=1e-4), pytest.approx(0.5007, abs=1e-4))),
    ],
)
def test_an_interval_stays_within_the_bounds_of_its_metric(
    values: list[float], bounds: Bounds, ends: tuple[float, float]
) -> None:
    found = mean_interval(values, "seeds", bounds)
    assert found is not None
    assert (found.low, found.high) == ends


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_within_bounds_holds_the_truth_as_often_as_one_that_knows_none(seeds: int) -> None:
    draws = np.random.default_rng(0).beta(8, 0.5, size=(1000, seeds))
    truth = 8 / 8.5
    held = [
        [one is not None and one.low <= truth <= one.high for one in found]
        for found in zip(
            *(
                (mean_interval(row.tolist(), "seeds"), mean_interval(row.tolist(), "seeds", (0.0, 1.0)))
                for row in draws
            ),
            strict=True,
        )
    ]
    assert held[0] == held[1]


def test_a_difference_is_bounded_by_the_width_of_its_metric() -> None:
    assert difference_bounds((0.0, 1.0)) == (-1.0, 1.0)
    assert difference_bounds((2.0, 5.0)) == (-3.0, 3.0)
    assert difference_bounds((0.0, None)) == difference_bounds((None, 1.0)) == OPEN
    wide = Estimate(mean=0.5, error=1.0, freedom=2, seeds=3)
    found = subtract_estimates(wide, wide, (0.0, 1.0)).interval
    assert found is not None
    assert (found.low, found.high) == (-1.0, 1.0)


@pytest.mark.parametrize("name", ["nonlocality", "translation", "grouping"])
def test_the_built_in_metrics_say_their_bounds(name: str) -> None:
    for metric in make_probe_at(name, "smoke", registry()).metrics:
        least, most = metric.bounds
        assert least == 0
        assert most == (1 if metric.better == "higher" or metric.name.startswith(("ord", "delta")) else None)


def test_one_seed_has_no_interval_over_seeds() -> None:
    assert mean_interval([0.5], "seeds") is None


def test_an_interval_over_items_holds_the_truth_of_a_skewed_score() -> None:
    draws = np.random.default_rng(0).exponential(size=(300, 200))
    found = [mean_interval(row.tolist(), "items") for row in draws]
    held = sum(one is not None and one.low <= 1 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.94, abs=0.04)


def test_items_that_a_metric_does_not_apply_to_do_not_count() -> None:
    found = mean_interval([0.1, 0.2, math.nan, 0.4], "items")
    assert found is not None
    assert found.count == 3
    assert found == mean_interval([0.1, 0.2, 0.4], "items")
    assert mean_interval([math.nan, 1.0], "items") is None
