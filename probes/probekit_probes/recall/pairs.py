"""Pairs are written as a word: keys and their values in turn, then the keys alone, in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.words import UNASKED, Alphabet, Bytes

COUNT, KEYS, VALUES, PLACES = range(4)
BLANK = 0


@dataclass(frozen=True, slots=True)
class Design:
    """least, most: pairs of a word, uniform between; keys, values: how many there are of each; length: of a
    word, whose first two thirds hold the pairs and whose last third asks."""

    least: int
    most: int
    keys: int
    values: int
    length: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, then the keys, then the values; the classes are the values."""
        return Alphabet(1 + self.keys + self.values, self.values, (self.length,))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return tokens and answers, (items, length) uint8 each, of keys (items,)."""
        count = len(keys)
        pairs = self.least + streams.below(
            streams.words(streams.key(keys, COUNT), 1), self.most - self.least + 1
        )
        names = np.argsort(streams.words(streams.key(keys, KEYS), self.keys), axis=1)[:, : self.most]
        values = streams.below(streams.words(streams.key(keys, VALUES), self.most), self.values)
        used = np.arange(self.most) < pairs
        tokens = np.full((count, self.length), BLANK, np.uint8)
        answers = np.full((count, self.length), UNASKED, np.uint8)
        tokens[:, 0 : 2 * self.most : 2] = np.where(used, 1 + names, BLANK)
        tokens[:, 1 : 2 * self.most : 2] = np.where(used, 1 + self.keys + values, BLANK)
        start = self.length // 3 * 2
        places = (
            start
            + np.argsort(streams.words(streams.key(keys, PLACES), self.length - start), axis=1)[
                :, : self.most
            ]
        )
        rows = np.broadcast_to(np.arange(count)[:, None], places.shape)
        tokens[rows[used], places[used]] = (1 + names)[used]
        answers[rows[used], places[used]] = values[used]
        return tokens, answers
