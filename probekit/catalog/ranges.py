"""A range is the set of numbers that a parameter allows, read from the constraints on its type."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nextafter
from typing import Any, NamedTuple

from pydantic import PydanticUserError, TypeAdapter

NUMBER_TYPES = ("integer", "number")


class Range(NamedTuple):
    """The smallest and the largest number that a parameter allows; None where there is no limit.

    Args:
        is_integer: whether the numbers are integers.
        minimum, maximum: the ends of the range.
        excludes_minimum, excludes_maximum: whether the end itself is outside.
    """

    is_integer: bool
    minimum: float | None = None
    maximum: float | None = None
    excludes_minimum: bool = False
    excludes_maximum: bool = False

    def __str__(self) -> str:
        """Return the range in words: "1 or more", "above 0", "2 to 10"."""
        low = "" if self.minimum is None else f"{self.minimum:.15g}"
        high = "" if self.maximum is None else f"{self.maximum:.15g}"
        if low and high and not (self.excludes_minimum or self.excludes_maximum):
            return f"{low} to {high}"
        limits = [f"above {low}" if self.excludes_minimum else f"{low} or more"] if low else []
        limits += [f"below {high}" if self.excludes_maximum else f"{high} or less"] if high else []
        return " and ".join(limits)

    def contains(self, value: float) -> bool:
        """Return whether a number is in the range."""
        above = self.minimum is None or (
            value > self.minimum if self.excludes_minimum else value >= self.minimum
        )
        below = self.maximum is None or (
            value < self.maximum if self.excludes_maximum else value <= self.maximum
        )
        return above and below

    def included_ends(self) -> list[float]:
        """Return the ends that are in the range."""
        ends = ((self.minimum, self.excludes_minimum), (self.maximum, self.excludes_maximum))
        return [self._cast(end) for end, is_excluded in ends if end is not None and not is_excluded]

    def outside_neighbors(self) -> list[float]:
        """Return the nearest number outside of each end."""
        ends = ((self.minimum, self.excludes_minimum, -inf), (self.maximum, self.excludes_maximum, inf))
        return [
            self._cast(end if is_excluded else self._step_out(end, direction))
            for end, is_excluded, direction in ends
            if end is not None
        ]

    def _step_out(self, end: float, direction: float) -> float:
        return end + (1 if direction > 0 else -1) if self.is_integer else nextafter(end, direction)

    def _cast(self, end: float) -> float:
        return int(end) if self.is_integer else float(end)


def read_range(annotation: Any) -> Range | None:
    """Return the range of a type, as of `Annotated[int, Field(ge=1)]` or pydantic's `PositiveInt`.

    The range of `PositiveInt | None` is that of the number.

    Returns:
        None if the type states no range or is not a number.
    """
    try:
        schema = TypeAdapter(annotation).json_schema()
    except (PydanticUserError, NameError):  # pydantic does not know the type, or a name in it
        return None
    options = schema.get("anyOf", [schema])
    return next((limits for option in options if (limits := _read_range(option))), None)


def _read_range(schema: Mapping[str, Any]) -> Range | None:
    """Return the range in a JSON schema; an excluded end of integers moves inwards."""
    if schema.get("type") not in NUMBER_TYPES:
        return None
    is_integer = schema["type"] == "integer"
    minimum, lower = schema.get("minimum"), schema.get("exclusiveMinimum")
    maximum, upper = schema.get("maximum"), schema.get("exclusiveMaximum")
    if is_integer:
        minimum, lower = (minimum if lower is None else lower + 1), None
        maximum, upper = (maximum if upper is None else upper - 1), None
    limits = Range(
        is_integer,
        minimum if lower is None else lower,
        maximum if upper is None else upper,
        lower is not None,
        upper is not None,
    )
    return None if limits.minimum is None and limits.maximum is None else limits
