"""Focus: how far solvers that lack the property come, measured from chance or from the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probekit.interfaces import Metric
from probekit.scores.score import better_score
from probekit.storage.result import place

LOWEST = 0.25
"""Greatest normalised score of a network without the property; the rest needs the property."""
HALF = 0.5
"""Greatest share of the range from chance to perfect that the floor may take."""


@dataclass(frozen=True, slots=True)
class ControlCheck:
    """A control's score, its normalised score, and the greatest normalised score that is allowed.

    `score` and `at` are None where the control has none.
    """

    score: float | None
    at: float | None
    most: float

    @property
    def holds(self) -> bool:
        """Whether the normalised score is as low as it must be."""
        return self.at is not None and self.at <= self.most


def controls(
    metric: Metric, closed: Mapping[str, float | None], networks: Mapping[str, float | None]
) -> dict[str, ControlCheck]:
    """Judge the controls of a probe.

    Networks are measured from the floor, as on a card: the best of the closed-form controls. Closed-form
    controls are measured from chance, or from the weakest of them if the metric states no chance, so that one
    that solves the task is noticed and does not merely raise the floor.

    Args:
        metric: The metric of the scores.
        closed: Scores of the closed-form controls by name.
        networks: Scores of the controls that are networks by name.
    """
    scores = [score for score in closed.values() if score is not None]
    floor: float | None = None
    for score in scores:
        floor = better_score(metric, floor, score)
    weakest = max(scores, default=None) if metric.better == "lower" else min(scores, default=None)
    base = weakest if metric.chance is None else metric.chance
    return {
        name: ControlCheck(score, reached(score, start, metric.perfect), limit)
        for group, start, limit in ((closed, base, HALF), (networks, floor, LOWEST))
        for name, score in group.items()
    }


def reached(value: float | None, floor: float | None, perfect: float) -> float | None:
    """Return a control's normalised score; 1 if the floor is already perfect."""
    return 1.0 if value is not None and floor == perfect else place(value, floor, perfect)
