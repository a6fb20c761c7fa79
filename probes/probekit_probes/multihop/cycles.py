"""Cycles are written as a word: each node with the one after it and a blank, in any order, then questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.words import UNASKED, Alphabet, Bytes

COUNT, NODES, ORDER, STARTS, HOPS = range(5)
BLANK = 0


@dataclass(frozen=True, slots=True)
class Design:
    """least, most: nodes of a cycle, uniform between; nodes: of all cycles; hops: the most that are asked,
    uniform from one on; questions: of a word; places: pairs that a word has room for."""

    least: int
    most: int
    nodes: int
    hops: int
    questions: int
    places: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, the nodes, then the numbers of hops; the classes are the nodes."""
        length = 3 * self.places + 2 * self.questions
        return Alphabet(1 + self.nodes + self.hops, self.nodes, (length,))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return tokens and answers, (items, length) uint8 each, of keys (items,)."""
        count = len(keys)
        rows = np.arange(count)[:, None]
        size = self.least + streams.below(
            streams.words(streams.key(keys, COUNT), 1), self.most - self.least + 1
        )
        cycle = np.argsort(streams.words(streams.key(keys, NODES), self.nodes), axis=1)[:, : self.most]
        used = np.arange(self.most) < size
        # a place's own number where a pair stands there, in a random order; blank pairs come last
        order = np.argsort(
            np.where(
                used,
                streams.words(streams.key(keys, ORDER), self.most) >> np.uint64(1),
                np.iinfo(np.uint64).max,
            ),
            axis=1,
            kind="stable",
        )
        tokens = np.full((count, self.alphabet.length), BLANK, np.uint8)
        answers = np.full((count, self.alphabet.length), UNASKED, np.uint8)
        asks = 3 * self.places
        tokens[:, 0 : 3 * self.most : 3] = np.where(used, 1 + cycle[rows, order], BLANK)
        tokens[:, 1 : 3 * self.most : 3] = np.where(used, 1 + cycle[rows, (order + 1) % size], BLANK)
        starts = (streams.words(streams.key(keys, STARTS), self.questions) % size.astype(np.uint64)).astype(
            np.int64
        )
        hops = streams.below(streams.words(streams.key(keys, HOPS), self.questions), self.hops)
        tokens[:, asks::2] = 1 + self.nodes + hops
        tokens[:, asks + 1 :: 2] = 1 + cycle[rows, starts]
        answers[:, asks + 1 :: 2] = cycle[rows, (starts + hops + 1) % size]
        return tokens, answers
