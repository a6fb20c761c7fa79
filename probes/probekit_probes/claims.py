"""Helpers for claims about a published table: the lowest and the highest score among some of its rows."""

from __future__ import annotations

from collections.abc import Mapping

Rows = Mapping[str, Mapping[str, float]]


def lowest_score(rows: Rows, metric: str, names: tuple[str, ...]) -> float:
    """Return the lowest score of the named rows.

    Raises:
        KeyError: if one of the rows was not run.
    """
    return min(rows[name][metric] for name in names)


def highest_score(rows: Rows, metric: str, names: tuple[str, ...]) -> float:
    """Return the highest score of the named rows.

    Raises:
        KeyError: if one of the rows was not run.
    """
    return max(rows[name][metric] for name in names)
