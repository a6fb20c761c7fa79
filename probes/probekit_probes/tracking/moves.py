"""Moves are written as a word: elements of a group, and after each the state that they have led to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.tracking.groups import table
from probekit_probes.words import UNASKED, Alphabet, Bytes


@dataclass(frozen=True, slots=True)
class Design:
    """group: by name; start: after how many moves the state is asked for; stop: how many moves a word has;
    length: positions, of which those after the moves are blank."""

    group: str
    start: int
    stop: int
    length: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, then the elements; the classes are the elements."""
        order = len(table(self.group))
        return Alphabet(1 + order, order, (self.length,))

    def write(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Return tokens and answers, (items, length) uint8 each, of keys (items,)."""
        of = table(self.group)
        tokens = np.zeros((len(keys), self.length), np.uint8)
        answers = np.full((len(keys), self.length), UNASKED, np.uint8)
        moves = streams.below(streams.words(keys, self.stop), len(of)).astype(np.uint8)
        tokens[:, : self.stop] = 1 + moves
        state = np.zeros(len(keys), np.uint8)
        for place in range(self.stop):
            state = of[state, moves[:, place]]
            if place >= self.start:
                answers[:, place] = state
        return tokens, answers
