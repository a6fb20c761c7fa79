"""The closed-form controls of selective copying: which tokens occur, the first ones, and tokens by place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch
from probekit_probes.sequences import decode_tokens

FIT_ITEMS = 2048
"""Number of training items that fill the table of places."""
BINS = 64
"""Number of places that the table tells apart."""


class FirstToken:
    """Answers everywhere with the first marked token.

    With k tokens of V values it is correct with probability 1/k + (1 - 1/k)/V.
    """

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the tokens of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = decode_tokens(inputs)
        first = tokens.gather(1, (tokens > 1).float().argmax(1, keepdim=True))
        values = torch.arange(2, inputs.shape[1], device=inputs.device)
        return (first[:, None] == values[:, None]).float().expand(-1, -1, inputs.shape[2])


class MostFrequentToken:
    """Answers everywhere with the most frequent marked token, the best that remembers no order."""

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the tokens of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        counts = inputs[:, 2:].sum(2)
        answers = functional.one_hot(counts.argmax(1), counts.shape[1]).to(inputs.dtype)
        return answers[..., None].expand(-1, -1, inputs.shape[2])


class FirstTokens:
    """Remembers the first tokens in their order; later queries get the most frequent of the other tokens.

    Args:
        count: number of tokens that it remembers.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the tokens of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = inputs[:, 2:]
        number = tokens.sum(1, keepdim=True).cumsum(2)
        go = inputs[:, 1:2].cumsum(2) * inputs[:, 1:2]
        rest = (tokens * (number > self.count)).sum(2)
        answers = functional.one_hot(rest.argmax(1), rest.shape[1]).to(inputs.dtype)[..., None] * (
            go > self.count
        )
        for place in range(1, self.count + 1):
            token = (tokens * (number == place)).sum(2, keepdim=True)
            answers = answers + token * (go == place)
        return answers


class TokensByPlace:
    """Votes for each token by how often the n-th token lies at its place between the first and the last one.

    It counts no tokens. At even distances it would know half of eight tokens and more.
    """

    def fit(self, dataset: Dataset) -> None:
        """Count at which places the n-th tokens of training sequences lie."""
        inputs, _ = read_batch(dataset, range(min(FIT_ITEMS, len(dataset))))
        is_token = inputs[:, 2:].sum(1) > 0
        ranks = is_token.cumsum(1) - 1
        self.shares = torch.full((inputs.shape[2], BINS), 1e-3)
        places = find_places(is_token)
        self.shares.index_put_((ranks[is_token], places[is_token]), torch.ones(int(is_token.sum())), True)
        self.shares /= self.shares.sum(0)

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = inputs[:, 2:]
        places = find_places(tokens.sum(1) > 0)
        go = (inputs[:, 1].cumsum(1) - 1).clamp(min=0).long()
        votes = self.shares.to(inputs.device)[:, places].movedim(0, 1)
        scores = torch.einsum("bnl,bvl->bvn", votes, tokens)
        return scores.gather(2, go[:, None].expand(-1, tokens.shape[1], -1))


def find_places(is_token: Tensor) -> Tensor:
    """Return where each position lies between the first and the last token, (batch, length), below `BINS`."""
    length = is_token.shape[1]
    positions = torch.arange(length, device=is_token.device)
    first = is_token.int().argmax(1, keepdim=True)
    last = length - 1 - is_token.int().flip(1).argmax(1, keepdim=True)
    places: Tensor = ((positions - first) * (BINS - 1) // (last - first).clamp(min=1)).clamp(0, BINS - 1)
    return places
