"""The two half solutions of parity-recall: recall without parity, and parity without recall."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit_probes.parity_recall.oracle import (
    BITS_END,
    choose_store,
    join_answers,
    read_questions,
    solve_entries,
)
from probekit_probes.sequences import decode_tokens


class RecallWithoutParity:
    """Answers with the first value of the key: it recalls both, and does not know which one counts.

    The parity of the bits so far is uniform and independent of the rest, and the two values differ. So it is
    correct in 1/2 of the questions, and no solver that ignores a single bit does better.

    Args:
        keys: number of different keys.
    """

    def __init__(self, keys: int) -> None:
        self.keys = keys

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = decode_tokens(inputs)
        stores, parity = solve_entries(inputs, tokens, self.keys)
        return join_answers(tokens, torch.zeros_like(parity), stores[:, 0])


class ParityWithoutRecall:
    """Answers with the value of the first key that has the right parity: it binds no value to a key.

    With k keys and V values it is correct in 1/k + (1 - 1/k)/V of the questions: the question is about the
    first key, or the value is the same by chance.

    Args:
        keys: number of different keys.
    """

    def __init__(self, keys: int) -> None:
        self.keys = keys

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = decode_tokens(inputs)
        is_question, _ = read_questions(tokens, self.keys)
        _, parity = solve_entries(inputs, tokens, self.keys)
        first_values = inputs[:, BITS_END + self.keys :, 1:3].mT[..., None]  # of the first key, after it
        values = choose_store(first_values.expand(-1, -1, -1, inputs.shape[2]), parity)
        return join_answers(tokens, parity, values * is_question[:, None])
