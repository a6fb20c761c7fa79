"""A floor is what the best control scores, told of runs that are set side by side: one number, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from statistics import mean

from probekit.interfaces import Metric
from probekit.scores.score import better
from probekit.storage.result import Result, Scores

MISSING: Mapping[str, Scores] = {}
SHOWN = 1e-4
"""How far numbers may be apart that tables show alike."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What runs say of one bound; value: the mean over their seeds, each counted once.

    None where they say nothing, or where runs of one seed disagree: such were not put to the same data.
    low, high: the least and the greatest that any of them says.
    """

    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    agreed: bool = True

    def cautions(self, what: str) -> Iterator[str]:
        """Yield what must be known before the number is read."""
        ends = f"{self.low:.4f} to {self.high:.4f}"
        if not self.agreed:
            yield (
                f"The runs disagree about the {what}, {ends} for one seed, as runs of different environments"
                " may: none is stated, and no place is drawn from it."
            )
        elif not alike(self.low, self.high):
            yield f"The {what} is the mean over the seeds; by seed it is {ends}."


def common(said: Iterable[tuple[int, float | None]]) -> Floor:
    """Return what runs have in common, given the seed of each and what it says, or None."""
    by_seed: dict[int, list[float]] = defaultdict(list)
    for seed, value in said:
        if value is not None:
            by_seed[seed].append(value)
    if not by_seed:
        return Floor()
    every = [value for several in by_seed.values() for value in several]
    agreed = all(alike(min(several), max(several)) for several in by_seed.values())
    value = mean(several[0] for several in by_seed.values()) if agreed else None
    return Floor(value, min(every), max(every), agreed)


def floor(results: Sequence[Result], metric: Metric, networks: Mapping[str, Scores] = MISSING) -> Floor:
    """Return the floor of a metric: the best of the closed-form controls, as runs have it in common, and of
    the networks, given what these score by metric."""
    found = common((result.plan.seed, result.floors.get(metric.name)) for result in results)
    best = found.value
    for scores in networks.values() if found.agreed else ():
        best = better(metric, best, scores.get(metric.name))
    return replace(found, value=best)


def controls(results: Sequence[Result], metric: str) -> dict[str, Floor]:
    """Return by name what the closed-form controls score in a metric, as runs have it in common."""
    names = dict.fromkeys(name for result in results for name in result.controls)
    return {
        name: common((result.plan.seed, result.controls.get(name, {}).get(metric)) for result in results)
        for name in names
    }


def ceiling(results: Sequence[Result]) -> Floor:
    """Return the ceiling that runs have in common."""
    return common((result.plan.seed, result.ceiling) for result in results)


def alike(one: float, other: float) -> bool:
    """Tell whether two numbers would be shown alike."""
    return isclose(one, other, rel_tol=SHOWN, abs_tol=SHOWN / 10)
