"""The floor of a probe must leave room: shortcuts may come at most half of the way from chance to perfect."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.battery.attack import SolverScore, find_best
from probekit.plugin.interfaces import Metric

MAX_SHORTCUT = 0.5
"""Greatest share of the range from chance to perfect that a solver without the property may reach."""
HEADS = ("solver", "what it lacks", "score", "from chance")


def is_low_enough(table: Sequence[SolverScore], metric: Metric) -> bool:
    """Tell whether the best solver that counts for the floor comes at most half of the way."""
    best = find_best(table, metric)
    return best is None or best.normalized_score is None or best.normalized_score <= MAX_SHORTCUT


def describe_floor(table: Sequence[SolverScore], metric: Metric) -> str:
    """Return in words what the battery found."""
    best = find_best(table, metric)
    applied = [entry for entry in table if not entry.not_applicable]
    if best is None:
        reasons = sorted({entry.not_applicable for entry in table if entry.not_applicable})
        return f"no solver without the property applies: {'; '.join(reasons) or 'all may solve it'}"
    return (
        f"of {len(applied)} solvers, fitted on {best.items:,} items, the best without the property is "
        f"{best.solver}: {format_share(best)} from chance to perfect ({best.scores[metric.name]:.4g} in "
        f"{metric.name}); at most {MAX_SHORTCUT:.0%} is allowed"
    )


def format_share(entry: SolverScore) -> str:
    """Return a normalised score in per cent."""
    return "-" if entry.normalized_score is None else f"{entry.normalized_score:z.0%}"


def find_metric(table: Sequence[SolverScore]) -> str:
    """Return the name of the metric that judges the solvers, the first of their scores; "" without any."""
    return next((next(iter(entry.scores)) for entry in table if entry.scores), "")


def make_rows(table: Sequence[SolverScore], metric: str) -> list[list[str]]:
    """Return the cells of a table of the solvers that apply, the best first, with `HEADS` as heads.

    Args:
        table: The entries.
        metric: The name of the metric.
    """
    applied = [entry for entry in table if entry.scores.get(metric) is not None]
    ranked = sorted(applied, key=lambda entry: -(entry.normalized_score or 0))
    return [
        [
            entry.solver,
            entry.lacks + (f" It may solve it: {entry.legitimate}." if entry.legitimate else ""),
            f"{entry.scores[metric]:.4g}",
            format_share(entry),
        ]
        for entry in ranked
    ]


def list_inapplicable(table: Sequence[SolverScore]) -> dict[str, list[str]]:
    """Return the solvers that do not apply, by the reason."""
    reasons: dict[str, list[str]] = {}
    for entry in table:
        if entry.not_applicable:
            reasons.setdefault(entry.not_applicable, []).append(entry.solver)
    return reasons
