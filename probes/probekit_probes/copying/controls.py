"""The control of selective copying: a token that occurs, whichever is asked."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.interfaces import Dataset
from probekit_probes.words import tokens_of


class AToken:
    """Answers everywhere the first token of the word: the best that keeps no order.

    Of k tokens of V values it is right with chance 1/k + (1 - 1/k)/V.
    """

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing: the tokens of a word say nothing of another's."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = tokens_of(inputs)
        first = tokens.gather(1, (tokens > 1).float().argmax(1, keepdim=True))
        values = torch.arange(2, inputs.shape[1], device=inputs.device)
        return (first[:, None] == values[:, None]).float().expand(-1, -1, inputs.shape[2])
