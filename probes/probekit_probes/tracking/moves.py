"""Sequences of state tracking: elements of a group, and after each the state they lead to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes
from probekit_probes.tracking.groups import group_table


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        group: name of the group.
        start: number of moves before the first query.
        stop: number of moves.
        length: number of positions; those after the moves are blank.
        memory: number of last moves whose product is the state; 0 for all moves.
    """

    group: str
    start: int
    stop: int
    length: int
    memory: int = 0

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, then the elements; the classes are the elements."""
        order = len(group_table(self.group))
        return Alphabet(1 + order, order, (self.length,))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, length) uint8 each, one item per key."""
        products = group_table(self.group)
        tokens = np.zeros((len(keys), self.length), np.uint8)
        answers = np.full((len(keys), self.length), NO_ANSWER, np.uint8)
        moves = streams.to_integers(streams.draw_words(keys, self.stop), len(products)).astype(np.uint8)
        tokens[:, : self.stop] = 1 + moves
        state = np.zeros(len(keys), np.uint8)
        for position in range(self.stop):
            if self.memory:
                state = np.zeros(len(keys), np.uint8)
                for move in moves[:, max(0, position + 1 - self.memory) : position + 1].T:
                    state = products[state, move]
            else:
                state = products[state, moves[:, position]]
            if position >= self.start:
                answers[:, position] = state
        return tokens, answers
