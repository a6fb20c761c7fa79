"""What is guarded: quantiles of Student's t are those of the tables, and intervals cover as they say."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.evidence.interval import over_items, over_seeds
from probekit.evidence.student import quantile, within


@pytest.mark.parametrize(
    ("freedom", "table"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_those_of_the_tables(freedom: int, table: float) -> None:
    assert quantile(freedom) == pytest.approx(table, abs=6e-4)
    assert within(quantile(freedom), freedom) == pytest.approx(0.95)
    assert quantile(freedom, 0.99) > quantile(freedom) > quantile(freedom, 0.5)


def test_no_degree_of_freedom_is_refused() -> None:
    with pytest.raises(ValueError, match="0 degrees"):
        within(1.0, 0)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_over_seeds_holds_the_truth_nineteen_times_in_twenty(seeds: int) -> None:
    draws = np.random.default_rng(0).normal(size=(2000, seeds))
    found = [over_seeds(row.tolist()) for row in draws]
    held = sum(one is not None and one.low <= 0 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.95, abs=0.02)


def test_one_seed_has_no_interval_over_seeds() -> None:
    assert over_seeds([0.5]) is None


def test_an_interval_over_items_holds_the_truth_and_is_the_same_each_time() -> None:
    draws = np.random.default_rng(0).exponential(size=(300, 200))
    found = [over_items(row) for row in draws]
    held = sum(one is not None and one.low <= 1 <= one.high for one in found)
    assert held / len(found) == pytest.approx(0.94, abs=0.04)
    assert over_items(draws[0]) == found[0]


def test_items_that_a_metric_does_not_apply_to_do_not_count() -> None:
    values = np.array([0.1, 0.2, np.nan, 0.4])
    found = over_items(values)
    assert found is not None
    assert found.count == 3
    assert found == over_items(values[~np.isnan(values)])
    assert over_items(np.array([np.nan, 1.0])) is None
