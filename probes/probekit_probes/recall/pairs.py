"""Sequences of recall: keys and their values in turn, then the keys alone, in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

COUNT, KEYS, VALUES, PLACES = range(4)
BLANK = 0


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        min_pairs: least number of pairs; the number is uniform.
        max_pairs: greatest number of pairs.
        keys: number of different keys.
        values: number of different values.
        length: length of a sequence; the first two thirds hold the pairs, the last third the queries.
        beside: put each query directly behind its pair, and nothing into the last third.
    """

    min_pairs: int
    max_pairs: int
    keys: int
    values: int
    length: int
    beside: bool = False

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, then the keys, then the values; the classes are the values."""
        return Alphabet(1 + self.keys + self.values, self.values, (self.length,))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, length) uint8 each, one item per key."""
        count = len(keys)
        pairs = self.min_pairs + streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, COUNT), 1), self.max_pairs - self.min_pairs + 1
        )
        names = np.argsort(streams.draw_words(streams.derive_keys(keys, KEYS), self.keys), axis=1)[
            :, : self.max_pairs
        ]
        values = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, VALUES), self.max_pairs), self.values
        )
        used = np.arange(self.max_pairs) < pairs
        tokens = np.full((count, self.length), BLANK, np.uint8)
        answers = np.full((count, self.length), NO_ANSWER, np.uint8)
        step = 3 if self.beside else 2
        tokens[:, 0 : step * self.max_pairs : step] = np.where(used, 1 + names, BLANK)
        tokens[:, 1 : step * self.max_pairs : step] = np.where(used, 1 + self.keys + values, BLANK)
        start = self.length // 3 * 2
        order = np.argsort(streams.draw_words(streams.derive_keys(keys, PLACES), self.length - start), axis=1)
        positions = start + order[:, : self.max_pairs]
        if self.beside:
            positions = np.broadcast_to(2 + step * np.arange(self.max_pairs), positions.shape)
        rows = np.broadcast_to(np.arange(count)[:, None], positions.shape)
        tokens[rows[used], positions[used]] = (1 + names)[used]
        answers[rows[used], positions[used]] = values[used]
        return tokens, answers
