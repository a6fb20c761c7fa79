"""Sequences of multi-hop: each node of a cycle with its successor, in random order, then questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

COUNT, NODES, ORDER, STARTS, HOPS = range(5)
BLANK = 0


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        min_nodes: least number of nodes of a cycle; the number is uniform.
        max_nodes: greatest number of nodes of a cycle.
        nodes: number of different nodes.
        hops: greatest number of steps that there is a token for.
        questions: number of questions.
        slots: number of pairs that a sequence has room for.
        asked: greatest number of steps in a question; the number is uniform from one.
    """

    min_nodes: int
    max_nodes: int
    nodes: int
    hops: int
    questions: int
    slots: int
    asked: int

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, the nodes, then the numbers of hops; the classes are the nodes."""
        length = 3 * self.slots + 2 * self.questions
        return Alphabet(1 + self.nodes + self.hops, self.nodes, (length,))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, length) uint8 each, one item per key."""
        count = len(keys)
        rows = np.arange(count)[:, None]
        size = self.min_nodes + streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, COUNT), 1), self.max_nodes - self.min_nodes + 1
        )
        cycle = np.argsort(streams.draw_words(streams.derive_keys(keys, NODES), self.nodes), axis=1)[
            :, : self.max_nodes
        ]
        used = np.arange(self.max_nodes) < size
        # a random order of the pairs; the blank ones come last
        order = np.argsort(
            np.where(
                used,
                streams.draw_words(streams.derive_keys(keys, ORDER), self.max_nodes) >> np.uint64(1),
                np.iinfo(np.uint64).max,
            ),
            axis=1,
            kind="stable",
        )
        tokens = np.full((count, self.alphabet.length), BLANK, np.uint8)
        answers = np.full((count, self.alphabet.length), NO_ANSWER, np.uint8)
        first_question = 3 * self.slots
        tokens[:, 0 : 3 * self.max_nodes : 3] = np.where(used, 1 + cycle[rows, order], BLANK)
        tokens[:, 1 : 3 * self.max_nodes : 3] = np.where(used, 1 + cycle[rows, (order + 1) % size], BLANK)
        starts = (
            streams.draw_words(streams.derive_keys(keys, STARTS), self.questions) % size.astype(np.uint64)
        ).astype(np.int64)
        hops = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, HOPS), self.questions), self.asked
        )
        tokens[:, first_question::2] = 1 + self.nodes + hops
        tokens[:, first_question + 1 :: 2] = 1 + cycle[rows, starts]
        answers[:, first_question + 1 :: 2] = cycle[rows, (starts + hops + 1) % size]
        return tokens, answers
