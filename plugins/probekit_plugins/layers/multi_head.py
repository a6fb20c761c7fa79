"""Multi-head layers share their channels out among heads."""

from __future__ import annotations

from inspect import signature
from typing import Any


class MultiHead:
    """A layer with a parameter `heads`, which must divide the channels."""

    @classmethod
    def width_step(cls, *, heads: int | None = None, **_: Any) -> int:
        """Return the number that the width must be a multiple of: the heads, by default the layer's own."""
        return heads or int(signature(cls).parameters["heads"].default)
