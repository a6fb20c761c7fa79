"""The oracle of selective copying: it gives the n-th go the n-th marked token.

It shares no code with the generator.
"""

from __future__ import annotations

from torch import Tensor

from probekit_probes.sequences import decode_tokens, encode_answers


def solve_copying(inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the marked tokens in order.

    Go positions after the last marked token's answer are no queries.

    Args:
        inputs: one-hot tokens, (batch, 2 + values, length).

    Returns:
        Answers (batch, values, length), the query mask (batch, length) bool, and the number of marked tokens
        (batch,).
    """
    tokens = decode_tokens(inputs)
    is_marked, is_go = tokens > 1, tokens == 1
    token_number, go_number = is_marked.cumsum(1) * is_marked, is_go.cumsum(1) * is_go
    is_query = is_go & (go_number <= is_marked.sum(1, keepdim=True))
    in_order = tokens.new_zeros(len(tokens), tokens.shape[1] + 1).scatter(1, token_number, tokens - 2)
    answers = encode_answers(in_order.gather(1, go_number), is_query, inputs.shape[1] - 2)
    return answers, is_query, is_marked.sum(1)
