"""Sequences of parity-recall: keys with two values each, then bits with questions among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probekit_probes import streams
from probekit_probes.sequences import NO_ANSWER, Alphabet, Bytes

COUNT, KEYS, FIRST, SHIFTS, BITS, QUESTIONS = range(6)
BLANK, ZERO, FIRST_KEY = 0, 1, 3
PARITIES = 2


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of sequences.

    Attributes:
        pairs: greatest number of keys in a sequence; the number is uniform from two.
        keys: number of different keys.
        values: number of different values.
        bits: number of bits before each question.
        start: number of questions without an answer, before the others.
        stop: number of questions.
        slots: number of questions that a sequence has room for; the rest is blank.
        easy: the answer is the value that has the number of the key plus the last bit, and after a bit the
            bit itself.
    """

    pairs: int
    keys: int
    values: int
    bits: int
    start: int
    stop: int
    slots: int
    easy: bool = False

    @property
    def alphabet(self) -> Alphabet:
        """Tokens are the blank, the bits, the keys, then the values; classes are parities and values."""
        length = 3 * self.pairs + (self.bits + 1) * self.slots
        return Alphabet(FIRST_KEY + self.keys + self.values, PARITIES + self.values, (length,))

    def draw_tokens(self, keys: streams.Words) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, length) uint8 each, one item per key."""
        count = len(keys)
        rows = np.arange(count)[:, None]
        pairs = 2 + streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, COUNT), 1), self.pairs - 1
        )
        names = np.argsort(streams.draw_words(streams.derive_keys(keys, KEYS), self.keys), axis=1)[
            :, : self.pairs
        ]
        even = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, FIRST), self.pairs), self.values
        )
        # the values of a key differ, so that a guess between them is correct in exactly half of the questions
        shifts = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, SHIFTS), self.pairs), self.values - 1
        )
        values = np.stack([even, (even + 1 + shifts) % self.values], 2)
        bits = streams.to_integers(
            streams.draw_words(streams.derive_keys(keys, BITS), self.bits * self.stop), 2
        ).reshape(count, self.stop, self.bits)
        chosen = (
            streams.draw_words(streams.derive_keys(keys, QUESTIONS), self.stop) % pairs.astype(np.uint64)
        ).astype(np.int64)
        tokens = np.full((count, self.alphabet.length), BLANK, np.uint8)
        answers = np.full((count, self.alphabet.length), NO_ANSWER, np.uint8)
        entries = np.concatenate([FIRST_KEY + names[..., None], FIRST_KEY + self.keys + values], 2)
        used = (np.arange(self.pairs) < pairs)[..., None]
        first_bit = 3 * self.pairs
        tokens[:, :first_bit] = np.where(used, entries, BLANK).reshape(count, -1)
        end = first_bit + (self.bits + 1) * self.stop
        questions = FIRST_KEY + names[rows, chosen]
        tokens[:, first_bit:end] = np.concatenate([ZERO + bits, questions[..., None]], 2).reshape(count, -1)
        if self.easy:
            parities = bits
            value_classes = (names[rows, chosen] + bits[..., -1]) % self.values
        else:
            parities = bits.reshape(count, -1).cumsum(1).reshape(bits.shape) % 2
            value_classes = values[rows, chosen, parities[..., -1]]
        classes = np.concatenate([parities, PARITIES + value_classes[..., None]], 2)[:, self.start :]
        answers[:, first_bit + (self.bits + 1) * self.start : end] = classes.reshape(count, -1)
        return tokens, answers
