"""Headed is a layer whose channels are shared out among heads."""

from __future__ import annotations

from inspect import signature
from typing import Any


class Headed:
    """Has a parameter `heads`, which must divide channels."""

    @classmethod
    def width_step(cls, *, heads: int | None = None, **_: Any) -> int:
        """Return what the width must be a multiple of: the number of heads, by default the layer's own."""
        return heads or int(signature(cls).parameters["heads"].default)
