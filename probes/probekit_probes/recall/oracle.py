"""The oracle of recall: it looks up each key among the pairs. It shares no code with the generator."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.sequences import decode_tokens, encode_answers


def solve_pairs(inputs: Tensor, keys: int, values: int) -> tuple[Tensor, Tensor, Tensor]:
    """Look up the value of each key that is queried.

    Args:
        inputs: one-hot tokens, (batch, 1 + keys + values, length).
        keys: number of different keys.
        values: number of different values.

    Returns:
        Answers (batch, values, length), the query mask (batch, length) bool, and how many pairs hold the key
        of each query, (batch, length).
    """
    tokens = decode_tokens(inputs)
    is_key, is_value = (tokens > 0) & (tokens <= keys), tokens > keys
    precedes_value = torch.roll(is_value, -1, 1)
    precedes_value[:, -1] = False
    is_paired, is_query = is_key & precedes_value, is_key & ~precedes_value
    matches = (tokens[:, :, None] == tokens[:, None, :]) & is_query[:, :, None] & is_paired[:, None, :]
    next_value = torch.roll(tokens, -1, 1) - keys - 1
    values_of_queries = (matches * next_value[:, None, :]).amax(2)
    return encode_answers(values_of_queries, is_query, values), is_query, matches.sum(2)
