"""Bounds that runs of one column agree on: the floor, each control's score, and the ceiling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from statistics import mean

from probekit.plugin.interfaces import Metric
from probekit.scores.score import better_score
from probekit.storage.result import Result, Scores

NO_NETWORKS: Mapping[str, Scores] = {}
TOLERANCE = 1e-4
"""Relative difference below which tables show two numbers alike."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound, such as the floor, as several runs state it.

    Attributes:
        value: Mean over seeds, each seed counted once. None if no run states it, or if runs of one seed
            disagree, because such runs did not have the same data.
        low: The least value that any run states.
        high: The greatest value that any run states.
        agreed: Whether runs of one seed agree.
        error: The standard error of the value, if it is the mean score of trained networks; else 0.
    """

    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    agreed: bool = True
    error: float = 0.0

    def list_cautions(self, name: str) -> Iterator[str]:
        """Yield warnings for readers of the number; name: what the bound is called."""
        ends = f"{self.low:.4f} to {self.high:.4f}"
        if not self.agreed:
            yield (
                f"The runs disagree about the {name}: {ends} for one seed, which can happen in different "
                "environments. No value is stated, and scores are not normalised by it."
            )
        elif not is_shown_alike(self.low, self.high):
            yield f"The {name} is the mean over the seeds; by seed it is {ends}."


def find_bound(statements: Iterable[tuple[int, float | None]]) -> Bound:
    """Return the bound on which runs agree, given (seed, value or None) of each run."""
    by_seed: dict[int, list[float]] = defaultdict(list)
    for seed, value in statements:
        if value is not None:
            by_seed[seed].append(value)
    if not by_seed:
        return Bound()
    all_values = [value for values in by_seed.values() for value in values]
    agreed = all(is_shown_alike(min(values), max(values)) for values in by_seed.values())
    average = mean(values[0] for values in by_seed.values()) if agreed else None
    return Bound(average, min(all_values), max(all_values), agreed)


def find_floor(
    results: Sequence[Result],
    metric: Metric,
    networks: Mapping[str, Scores] = NO_NETWORKS,
    errors: Mapping[str, Scores] = NO_NETWORKS,
) -> Bound:
    """Return the floor of a metric: the best score of all controls.

    Args:
        results: Runs, which state the best of the closed-form controls.
        metric: The metric.
        networks: Scores of the controls that are networks, by control and metric.
        errors: Standard errors of these scores, where they are known.
    """
    bound = find_bound((result.plan.seed, result.floors.get(metric.name)) for result in results)
    best, error = bound.value, 0.0
    for name, scores in networks.items() if bound.agreed else ():
        score = scores.get(metric.name)
        if score is not None and better_score(metric, best, score) != best:
            best, error = score, errors.get(name, {}).get(metric.name) or 0.0
    return replace(bound, value=best, error=error)


def find_controls(results: Sequence[Result], metric: str) -> dict[str, Bound]:
    """Return the scores of the closed-form controls in a metric, by name."""
    names = dict.fromkeys(name for result in results for name in result.controls)
    return {
        name: find_bound((result.plan.seed, result.controls.get(name, {}).get(metric)) for result in results)
        for name in names
    }


def find_ceiling(results: Sequence[Result]) -> Bound:
    """Return the ceiling of the headline metric."""
    return find_bound((result.plan.seed, result.ceiling) for result in results)


def is_shown_alike(first: float, second: float) -> bool:
    """Tell whether a table would show two numbers alike."""
    return isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE / 10)
