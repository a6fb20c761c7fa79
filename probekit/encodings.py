"""Encodings are handed to a layer, and offer it one or more hooks: extra, mix, turn, bias and position."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Encoding: TypeAlias = Any
"""A positional encoding: has one or more of the hooks, as methods, of Extra, Mix, Turn, Bias and Position.

Built as Encoding(channels, size, *, keys, heads, **params); one that learns weights is a Module the layer
holds. For type checkers it is Any, as there is no type of "one or more of": one protocol would refuse an
encoding that lacks a hook, a union every call. A layer that serves one hook says so by that hook's protocol.
"""


class Extra(Protocol):
    """Appends channels."""

    def extra(self) -> Tensor:
        """Return channels (e, *size) for the inputs of q, k, v and of the inverted bottleneck."""
        ...


class Mix(Protocol):
    """Changes what the layer reads."""

    def mix(self, x: Tensor, /) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the maps q, k and v read, each of the shape of x (batch, channels, *size)."""
        ...


class Turn(Protocol):
    """Changes what attention compares."""

    def turn(self, q: Tensor, k: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return queries and keys, (batch, heads, positions, keys) each, positions in reading order."""
        ...


class Bias(Protocol):
    """Adds to what attention compares."""

    def bias(self) -> Tensor:
        """Return what is added to the comparison of two positions, (heads, positions, positions)."""
        ...


class Position(Protocol):
    """Adds to what the layer answers."""

    def position(
        self, queries: Callable[[], Tensor], keys: Tensor, values: Callable[[], Tensor], /
    ) -> Tensor:
        """Return what is added to the layer's output, (batch, channels, *size).

        keys: (batch, heads, keys, *size), which sum to one over positions. queries, values: compute and
        return the maps (batch, heads, keys, *size) and (batch, heads, channels / heads, *size) when called:
        few encodings read them.
        """
        ...
