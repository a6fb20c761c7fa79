"""The oracle of parity-recall: it counts the ones and looks up each key.

It shares no code with the generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.sequences import encode_answers

ONE, BITS_END = 2, 3
PARITIES = 2


def read_questions(tokens: Tensor, keys: int) -> tuple[Tensor, Tensor]:
    """Find the questions, which are keys without values.

    Args:
        tokens: decoded tokens, (batch, length) int64.
        keys: number of different keys.

    Returns:
        Where the questions are, (batch, length) bool, and the number of bits up to each position,
        (batch, length) int64.
    """
    is_value = tokens >= BITS_END + keys
    is_key = (tokens >= BITS_END) & ~is_value
    is_question = is_key.clone()
    is_question[:, :-1] &= ~is_value[:, 1:]
    return is_question, ((tokens > 0) & (tokens < BITS_END)).cumsum(1)


def solve_entries(inputs: Tensor, tokens: Tensor, keys: int) -> tuple[Tensor, Tensor]:
    """Look up both values of each key in a question, and count the ones.

    Args:
        inputs: one-hot tokens, (batch, 3 + keys + values, length).
        tokens: the same, decoded, (batch, length) int64.
        keys: number of different keys.

    Returns:
        Votes for each value in the even and in the odd store, (batch, 2, values, length) float32, zero
        outside the questions and one-hot if the key has a single entry; and the parity of the ones up to
        each position, (batch, length) int64.
    """
    is_question, _ = read_questions(tokens, keys)
    key_tokens, value_tokens = inputs[:, BITS_END : BITS_END + keys], inputs[:, BITS_END + keys :]
    asked_keys = key_tokens * is_question[:, None]
    stores = []
    for distance in (1, 2):
        # how often each value stands so far behind each key
        store = torch.einsum("bkl,bvl->bkv", key_tokens[..., :-distance], value_tokens[..., distance:])
        stores.append(torch.einsum("bkl,bkv->bvl", asked_keys, store))
    return torch.stack(stores, 1), (tokens == ONE).cumsum(1) % 2


def choose_store(stores: Tensor, parity: Tensor) -> Tensor:
    """Return the votes of the even store where the parity is 0, else of the odd, (batch, values, length)."""
    return torch.where(parity[:, None] == 0, stores[:, 0], stores[:, 1])


def join_answers(tokens: Tensor, parity: Tensor, votes: Tensor) -> Tensor:
    """Join answers after bits and answers to questions.

    Args:
        tokens: decoded tokens, (batch, length) int64.
        parity: the answer after each bit, (batch, length) int64.
        votes: answers to the questions, (batch, values, length), zero elsewhere.

    Returns:
        Answers, (batch, 2 + values, length).
    """
    is_bit = (tokens > 0) & (tokens < BITS_END)
    return torch.cat([encode_answers(parity, is_bit, PARITIES), votes], 1)


def solve_locally(inputs: Tensor, tokens: Tensor, keys: int) -> Tensor:
    """Solve the easy task: a bit after it, and at a question the value of the key's number plus the last bit.

    Args:
        inputs: one-hot tokens, (batch, 3 + keys + values, length).
        tokens: the same, decoded, (batch, length) int64.
        keys: number of different keys.

    Returns:
        Answers, (batch, 2 + values, length) float32, zero outside the queries.
    """
    values = inputs.shape[1] - BITS_END - keys
    is_question, _ = read_questions(tokens, keys)
    last_is_one = torch.nn.functional.pad(tokens[:, :-1] == ONE, (1, 0)).long()
    numbers = (tokens - BITS_END + last_is_one) % values
    answers: Tensor = torch.nn.functional.one_hot(numbers, values).mT * is_question[:, None]
    return join_answers(tokens, (tokens == ONE).long(), answers.to(inputs.dtype))
