"""Along is how a score goes along a probe's axis of difficulty, bin by bin."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat


class Point(BaseModel):
    """A bin, from start up to stop: the mean over the items in it, and within what it lies (95 %)."""

    model_config = ConfigDict(frozen=True)

    start: FiniteFloat
    stop: FiniteFloat
    items: int
    mean: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class Along(BaseModel):
    """Points of one network, of bins that hold an item; controls: those of closed-form controls, by name.

    solved: the mean from which a bin is solved, None where nothing is said of that.
    """

    model_config = ConfigDict(frozen=True)

    axis: str
    unit: str
    about: str
    better: Literal["higher", "lower"]
    bounds: tuple[FiniteFloat | None, FiniteFloat | None] = (None, None)
    points: tuple[Point, ...]
    controls: dict[str, tuple[Point, ...]] = {}
    solved: FiniteFloat | None = None

    @property
    def limit(self) -> float | None:
        """How hard it gets before a bin is not solved, from the easiest on: the greatest edge below which all
        are; the easiest's start where none is. None where nothing is said of that."""
        if self.solved is None or not self.points:
            return None
        limit = self.points[0].start
        for point in self.points:
            if point.mean < self.solved if self.better == "higher" else point.mean > self.solved:
                break
            limit = point.stop
        return limit
