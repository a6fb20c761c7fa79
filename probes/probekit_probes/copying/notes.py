"""Tokens are strewn among noise and asked for in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.words import UNASKED, Alphabet, Bytes

COUNT, VALUES, PLACES = range(3)
NOISE, GO = 0, 1


@dataclass(frozen=True, slots=True)
class Design:
    """least, most: tokens to be told, uniform between; values: of such a token; noise: positions among which
    they stand; go: positions that follow, of which as many ask as there are tokens."""

    least: int
    most: int
    values: int
    noise: int
    go: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are noise, go, then the values; the classes are the values."""
        return Alphabet(2 + self.values, self.values, (self.noise + self.go,))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return tokens and answers, (items, length) uint8 each, of keys (items,)."""
        count = len(keys)
        told = self.least + streams.below(
            streams.words(streams.key(keys, COUNT), 1), self.most - self.least + 1
        )
        values = streams.below(streams.words(streams.key(keys, VALUES), self.most), self.values)
        used = np.arange(self.most) < told
        drawn = np.argsort(streams.words(streams.key(keys, PLACES), self.noise), axis=1)[:, : self.most]
        places = np.sort(np.where(used, drawn, self.noise), axis=1)
        rows = np.broadcast_to(np.arange(count)[:, None], places.shape)
        tokens = np.full((count, self.noise + self.go), NOISE, np.uint8)
        answers = np.full((count, self.noise + self.go), UNASKED, np.uint8)
        tokens[:, self.noise :] = GO
        tokens[rows[used], places[used]] = (2 + values)[used]
        answers[:, self.noise : self.noise + self.most] = np.where(used, values, UNASKED)
        return tokens, answers
