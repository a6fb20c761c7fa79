"""The closed-form controls of selective copying: a token of the sequence, the same for every query."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit_probes.sequences import decode_tokens


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
