"""What is guarded: quantiles of Student's t are those of the tables, and intervals cover as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probekit.runs.interval import of_mean, quantile


@pytest.mark.parametrize(
    ("freedom", "table"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_those_of_the_tables(freedom: int, table: float) -> None:
    assert quantile(freedom) == pytest.approx(table, abs=6e-4)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_over_seeds_holds_the_truth_nineteen_times_in_twenty(seeds: int) -> None:
    draws = np.random.default_rng(0).normal(size=(2000, seeds))
    found = [of_mean(row.tolist(), "seeds") for row in draws]
    held = sum(one is not None and one.low <= 0 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.95, abs=0.02)


def test_one_seed_has_no_interval_over_seeds() -> None:
    assert of_mean([0.5], "seeds") is None


def test_an_interval_over_items_holds_the_truth_of_a_skewed_score() -> None:
    draws = np.random.default_rng(0).exponential(size=(300, 200))
    found = [of_mean(row.tolist(), "items") for row in draws]
    held = sum(one is not None and one.low <= 1 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.94, abs=0.04)


def test_items_that_a_metric_does_not_apply_to_do_not_count() -> None:
    found = of_mean([0.1, 0.2, math.nan, 0.4], "items")
    assert found is not None
    assert found.count == 3
    assert found == of_mean([0.1, 0.2, 0.4], "items")
    assert of_mean([math.nan, 1.0], "items") is None
