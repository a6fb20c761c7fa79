"""The oracle gives each go the token of its own number; it knows no generator."""

from __future__ import annotations

from torch import Tensor

from probekit_probes.words import answers_of, tokens_of


def read(inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return answers (batch, values, length), which positions ask, and how many tokens a word tells (batch,).

    Positions after the last token's answer ask nothing.
    """
    tokens = tokens_of(inputs)
    said, go = tokens > 1, tokens == 1
    number, wanted = said.cumsum(1) * said, go.cumsum(1) * go
    asks = go & (wanted <= said.sum(1, keepdim=True))
    told = tokens.new_zeros(len(tokens), tokens.shape[1] + 1).scatter(1, number, tokens - 2)
    return answers_of(told.gather(1, wanted), asks, inputs.shape[1] - 2), asks, said.sum(1)
