"""Sequences of selective copying: tokens at uneven distances among noise, then queries for them in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

COUNT, VALUES, PLACES = range(3)
NOISE, GO = 0, 1
UNEVENNESS = 3
"""How often a uniform number is squared for a distance between tokens: the more often, the fewer are long."""


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        min_tokens: least number of marked tokens; the number is uniform.
        max_tokens: greatest number of marked tokens.
        values: number of different marked tokens.
        noise: number of positions among which they lie.
        go: number of "go" positions that follow; as many of them are queries as there are marked tokens.
        aligned: put the marked tokens side by side, each `go` positions before its query.
    """

    min_tokens: int
    max_tokens: int
    values: int
    noise: int
    go: int
    aligned: bool = False

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are noise, go, then the values; the classes are the values."""
        return Alphabet(2 + self.values, self.values, (self.noise + self.go,))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, length) uint8 each, one item per key."""
        count = len(keys)
        marked = self.min_tokens + streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, COUNT), 1), self.max_tokens - self.min_tokens + 1
        )
        values = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, VALUES), self.max_tokens), self.values
        )
        used = np.arange(self.max_tokens) < marked
        positions = self.draw_positions(keys, used)
        if self.aligned:
            positions = np.broadcast_to(self.noise - self.go + np.arange(self.max_tokens), positions.shape)
        rows = np.broadcast_to(np.arange(count)[:, None], positions.shape)
        tokens = np.full((count, self.noise + self.go), NOISE, np.uint8)
        answers = np.full((count, self.noise + self.go), NO_ANSWER, np.uint8)
        tokens[:, self.noise :] = GO
        tokens[rows[used], positions[used]] = (2 + values)[used]
        answers[:, self.noise : self.noise + self.max_tokens] = np.where(used, values, NO_ANSWER)
        return tokens, answers

    def draw_positions(self, keys: streams.Words, used: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Draw where the used tokens lie, (items, max_tokens), at distances that differ much.

        At even distances the place of a token among the noise would tell which one it is.
        """
        gaps = streams.draw_uniform(streams.derive_keys(keys, PLACES), self.max_tokens + 1)
        for _ in range(UNEVENNESS):
            gaps = gaps * gaps
        gaps[:, :-1] *= used
        shares = gaps.cumsum(1)[:, :-1] / gaps.sum(1, keepdims=True)
        room = self.noise - used.sum(1, keepdims=True)
        positions: NDArray[np.int64] = np.arange(self.max_tokens) + (shares * room).astype(np.int64)
        return positions
