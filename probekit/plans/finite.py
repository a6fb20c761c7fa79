"""Finite numbers: infinity and NaN reach no file, table or page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

MAX_MAGNITUDE = 1e100
"""Beyond this, squares and sums overflow; no measured number comes near."""


def finite_or_none(value: float | None) -> float | None:
    """Return the number if it is finite and at most 1e100 in size, else None."""
    return value if value is not None and isfinite(value) and abs(value) <= MAX_MAGNITUDE else None


def drop_nonfinite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers by name, without those that are not finite."""
    return {name: value for name, value in numbers.items() if finite_or_none(value) is not None}


def replace_nonfinite(value: Any) -> Any:
    """Return JSON values with null in place of each number that is not finite."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: replace_nonfinite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nonfinite(inner) for inner in value]
    return value


def to_json(value: Any, indent: int | None = None) -> str:
    """Return JSON values as text; raises ValueError for NaN and infinity, which JSON cannot hold."""
    return json.dumps(value, indent=indent, allow_nan=False)
