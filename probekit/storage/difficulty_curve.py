"""A difficulty curve is a score along a probe's difficulty axis, bin by bin."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat


class CurveBin(BaseModel):
    """One bin, from start up to stop: the mean over its items and the 95 % interval of that mean."""

    model_config = ConfigDict(frozen=True)

    start: FiniteFloat
    stop: FiniteFloat
    items: int
    mean: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class DifficultyCurve(BaseModel):
    """One network's score along a difficulty axis.

    Attributes:
        points: The bins that hold an item.
        controls: The curves of closed-form controls, by name.
        solved: The mean from which a bin counts as solved; None if the axis has no such threshold.
    """

    model_config = ConfigDict(frozen=True)

    axis: str
    unit: str
    about: str
    better: Literal["higher", "lower"]
    bounds: tuple[FiniteFloat | None, FiniteFloat | None] = (None, None)
    points: tuple[CurveBin, ...]
    controls: dict[str, tuple[CurveBin, ...]] = {}
    solved: FiniteFloat | None = None

    @property
    def limit(self) -> float | None:
        """The greatest edge below which all bins are solved, from the easiest bin up.

        The start of the easiest bin if that one is not solved; None without a threshold.
        """
        if self.solved is None or not self.points:
            return None
        limit = self.points[0].start
        for point in self.points:
            if point.mean < self.solved if self.better == "higher" else point.mean > self.solved:
                break
            limit = point.stop
        return limit
