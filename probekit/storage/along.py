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
    """Points of one network, of bins that hold an item; controls: those of closed-form controls, by name."""

    model_config = ConfigDict(frozen=True)

    axis: str
    unit: str
    about: str
    better: Literal["higher", "lower"]
    bounds: tuple[FiniteFloat | None, FiniteFloat | None] = (None, None)
    points: tuple[Point, ...]
    controls: dict[str, tuple[Point, ...]] = {}
