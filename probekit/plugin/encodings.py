"""Positional encodings are passed to a layer and have one or more hooks: extra, mix, turn, bias, position."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Encoding: TypeAlias = Any
"""A positional encoding: an object with the method of at least one of Extra, Mix, Turn, Bias and Position.

It is built as `Encoding(channels, size, *, keys, heads, **params)`. An encoding with weights is a Module that
the layer owns. The alias is Any because Python's types cannot express "one or more of": a single protocol
would reject an encoding that lacks a hook, and a union would reject every call. A layer that uses a single
hook can annotate its encoding with the protocol of that hook.
"""


class Extra(Protocol):
    """Appends channels to the input."""

    def extra(self) -> Tensor:
        """Return channels for the inputs of q, k, v and of the inverted bottleneck.

        Shape:
            - Output: (e, *size)
        """
        ...


class Mix(Protocol):
    """Changes the inputs of q, k and v."""

    def mix(self, x: Tensor, /) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of the maps q, k and v.

        Shape:
            - x: (batch, channels, *size)
            - Output: three tensors of the shape of x
        """
        ...


class Turn(Protocol):
    """Transforms queries and keys before attention compares them, as rotary embeddings do."""

    def turn(self, q: Tensor, k: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return transformed queries and keys.

        Shape:
            - q, k: (batch, heads, positions, keys), positions in row-major order
            - Output: the shapes of q and k
        """
        ...


class Bias(Protocol):
    """Adds a bias to attention scores."""

    def bias(self) -> Tensor:
        """Return the bias for each pair of positions.

        Shape:
            - Output: (heads, positions, positions)
        """
        ...


class Position(Protocol):
    """Adds a term to the output of the layer."""

    def position(
        self, queries: Callable[[], Tensor], keys: Tensor, values: Callable[[], Tensor], /
    ) -> Tensor:
        """Return the term to add to the output.

        Args:
            queries: computes and returns the queries when called; few encodings need them.
            keys: normalised keys, which sum to one over positions.
            values: computes and returns the values when called.

        Shape:
            - queries(), keys: (batch, heads, keys, *size)
            - values(): (batch, heads, channels / heads, *size)
            - Output: (batch, channels, *size)
        """
        ...
