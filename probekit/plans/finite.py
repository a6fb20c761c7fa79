"""Finite numbers: infinity and NaN reach no file, table or page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

LARGEST = 1e100
"""Beyond this, squares and sums overflow; no measured number comes near."""


def finite(value: float | None) -> float | None:
    """Return the number if it is finite and at most 1e100 in size, else None."""
    return value if value is not None and isfinite(value) and abs(value) <= LARGEST else None


def finite_alone(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers by name, without those that are not finite."""
    return {name: value for name, value in numbers.items() if finite(value) is not None}


def nulled(value: Any) -> Any:
    """Return JSON values with null in place of each number that is not finite."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: nulled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [nulled(inner) for inner in value]
    return value


def as_json(value: Any, indent: int | None = None) -> str:
    """Return JSON values as text; raises ValueError for NaN and infinity, which JSON cannot hold."""
    return json.dumps(value, indent=indent, allow_nan=False)
