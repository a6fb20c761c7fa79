"""A range is what a number may be, read from the constraints that stand next to a parameter's type."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nextafter
from typing import Any, NamedTuple

from pydantic import PydanticUserError, TypeAdapter

NUMBERS = ("integer", "number")


class Range(NamedTuple):
    """The least and the greatest number that a parameter may be, None where there is none.

    whole: of int. above, below: the end itself is not within.
    """

    whole: bool
    least: float | None = None
    most: float | None = None
    above: bool = False
    below: bool = False

    def __str__(self) -> str:
        """Say it in words: "1 or more", "above 0", "2 to 10"."""
        low = "" if self.least is None else f"{self.least:.15g}"
        high = "" if self.most is None else f"{self.most:.15g}"
        if low and high and not (self.above or self.below):
            return f"{low} to {high}"
        said = [f"above {low}" if self.above else f"{low} or more"] if low else []
        said += [f"below {high}" if self.below else f"{high} or less"] if high else []
        return " and ".join(said)

    def holds(self, value: float) -> bool:
        """Tell whether a number is within."""
        low = self.least is None or (value > self.least if self.above else value >= self.least)
        return low and (self.most is None or (value < self.most if self.below else value <= self.most))

    def ends(self) -> list[float]:
        """Return the ends that are within."""
        ends = ((self.least, self.above), (self.most, self.below))
        return [self._typed(end) for end, outside in ends if end is not None and not outside]

    def beyond(self) -> list[float]:
        """Return the nearest numbers that are not within, one an end."""
        ends = ((self.least, self.above, -inf), (self.most, self.below, inf))
        return [
            self._typed(end if outside else self._next(end, away))
            for end, outside, away in ends
            if end is not None
        ]

    def _next(self, end: float, away: float) -> float:
        return end + (1 if away > 0 else -1) if self.whole else nextafter(end, away)

    def _typed(self, end: float) -> float:
        return int(end) if self.whole else float(end)


def range_of(annotation: Any) -> Range | None:
    """Return the range that a type states, as `Annotated[int, Field(ge=1)]` and `PositiveInt` of pydantic do.

    None where it states none, or is no number. Of `PositiveInt | None` it is that of the number.
    """
    try:
        schema = TypeAdapter(annotation).json_schema()
    except PydanticUserError:  # a type pydantic can say nothing about
        return None
    return next((found for one in schema.get("anyOf", [schema]) if (found := _read(one))), None)


def _read(schema: Mapping[str, Any]) -> Range | None:
    """Return the range in a JSON schema; an end that a whole number never is moves inwards."""
    if schema.get("type") not in NUMBERS:
        return None
    whole = schema["type"] == "integer"
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if whole:
        least, above = (least if above is None else above + 1), None
        most, below = (most if below is None else below - 1), None
    found = Range(
        whole,
        least if above is None else above,
        most if below is None else below,
        above is not None,
        below is not None,
    )
    return None if found.least is None and found.most is None else found
