"""Focus: how far solvers that lack the property come, measured from chance or from the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probekit.battery.floor import MAX_SHORTCUT
from probekit.plugin.interfaces import Metric
from probekit.scores.score import better_score
from probekit.storage.result import normalize_score

MAX_NETWORK_CONTROL = 0.25
"""Greatest normalised score of a network without the property; the rest needs the property."""


@dataclass(frozen=True, slots=True)
class ControlCheck:
    """A control's score, its normalised score, and the greatest normalised score that is allowed.

    `score` and `normalized_score` are None where the control has none.
    """

    score: float | None
    normalized_score: float | None
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the normalised score is as low as it must be."""
        return self.normalized_score is not None and self.normalized_score <= self.limit


def judge_controls(
    metric: Metric,
    closed: Mapping[str, float | None],
    networks: Mapping[str, float | None],
    shortcut: float | None = None,
) -> dict[str, ControlCheck]:
    """Judge the controls of a probe.

    Networks are measured from the floor, as on a card: the best of the closed-form controls. Closed-form
    controls are measured from chance, or from the weakest of them if the metric states no chance, so that one
    that solves the task is noticed and does not merely raise the floor.

    Args:
        metric: The metric of the scores.
        closed: Scores of the closed-form controls by name.
        networks: Scores of the controls that are networks by name.
        shortcut: The best score of a solver of the battery; it can raise the floor.
    """
    scores = [score for score in closed.values() if score is not None]
    floor = shortcut
    for score in scores:
        floor = better_score(metric, floor, score)
    weakest = max(scores, default=None) if metric.better == "lower" else min(scores, default=None)
    base = weakest if metric.chance is None else metric.chance
    return {
        name: ControlCheck(score, normalize_control_score(score, start, metric.perfect), limit)
        for group, start, limit in (
            (closed, base, MAX_SHORTCUT),
            (networks, floor, MAX_NETWORK_CONTROL),
        )
        for name, score in group.items()
    }


def normalize_control_score(value: float | None, floor: float | None, perfect: float) -> float | None:
    """Return a control's normalised score; 1 if the floor is already perfect."""
    return 1.0 if value is not None and floor == perfect else normalize_score(value, floor, perfect)
