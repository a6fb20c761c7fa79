"""Focus is how far solvers that lack the property come, each held to the floor or to chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probekit.interfaces import Metric
from probekit.scores.score import better
from probekit.storage.result import place

LOWEST = 0.25
"""The place up to which a network may come that lacks the property: the rest of the way is the property's."""
HALF = 0.5
"""How much of the way from chance to perfect the floor may take, so that a range is left to tell apart."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control's score and place, None where it has none, and the place up to which it may come."""

    score: float | None
    at: float | None
    most: float

    @property
    def holds(self) -> bool:
        """Tell whether it stays where it may be."""
        return self.at is not None and self.at <= self.most


def controls(
    metric: Metric, closed: Mapping[str, float | None], networks: Mapping[str, float | None]
) -> dict[str, Control]:
    """Place the controls of a probe, given their scores by name.

    The floor, from which networks are placed as on a card, is the best of the closed-form controls. These are
    placed from chance, or from the weakest of them where a metric states none: so one that solves the task is
    seen, and does not merely raise the floor.
    """
    scores = [score for score in closed.values() if score is not None]
    floor: float | None = None
    for score in scores:
        floor = better(metric, floor, score)
    weakest = max(scores, default=None) if metric.better == "lower" else min(scores, default=None)
    base = weakest if metric.chance is None else metric.chance
    return {
        name: Control(score, reached(score, start, metric.perfect), most)
        for several, start, most in ((closed, base, HALF), (networks, floor, LOWEST))
        for name, score in several.items()
    }


def reached(value: float | None, floor: float | None, perfect: float) -> float | None:
    """Return the place of a control; a perfect floor leaves no room below it."""
    return 1.0 if value is not None and floor == perfect else place(value, floor, perfect)
