"""Claims are drawn from rows of scores: the best and the worst of some rows, for margins between them."""

from __future__ import annotations

from collections.abc import Mapping

Rows = Mapping[str, Mapping[str, float]]


def lowest(rows: Rows, metric: str, names: tuple[str, ...]) -> float:
    """Return the lowest score of these rows; raises KeyError where one was not run."""
    return min(rows[name][metric] for name in names)


def highest(rows: Rows, metric: str, names: tuple[str, ...]) -> float:
    """Return the highest score of these rows; raises KeyError where one was not run."""
    return max(rows[name][metric] for name in names)
