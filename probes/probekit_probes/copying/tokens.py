"""Sequences of selective copying: tokens scattered among noise, then queries for them in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

COUNT, VALUES, PLACES = range(3)
NOISE, GO = 0, 1


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        min_tokens: least number of marked tokens; the number is uniform.
        max_tokens: greatest number of marked tokens.
        values: number of different marked tokens.
        noise: number of positions among which they are scattered.
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
        order = np.argsort(streams.draw_words(streams.derive_keys(keys, PLACES), self.noise), axis=1)[
            :, : self.max_tokens
        ]
        positions = np.sort(np.where(used, order, self.noise), axis=1)
        if self.aligned:
            positions = np.broadcast_to(self.noise - self.go + np.arange(self.max_tokens), positions.shape)
        rows = np.broadcast_to(np.arange(count)[:, None], positions.shape)
        tokens = np.full((count, self.noise + self.go), NOISE, np.uint8)
        answers = np.full((count, self.noise + self.go), NO_ANSWER, np.uint8)
        tokens[:, self.noise :] = GO
        tokens[rows[used], positions[used]] = (2 + values)[used]
        answers[:, self.noise : self.noise + self.max_tokens] = np.where(used, values, NO_ANSWER)
        return tokens, answers
