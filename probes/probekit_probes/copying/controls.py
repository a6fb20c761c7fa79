"""The closed-form control of selective copying: a token that occurs, for every query."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit_probes.sequences import decode_tokens


class FirstToken:
    """Answers everywhere with the first marked token: the best solver that remembers no order.

    With k tokens of V values it is correct with probability 1/k + (1 - 1/k)/V.
    """

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the tokens of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = decode_tokens(inputs)
        first = tokens.gather(1, (tokens > 1).float().argmax(1, keepdim=True))
        values = torch.arange(2, inputs.shape[1], device=inputs.device)
        return (first[:, None] == values[:, None]).float().expand(-1, -1, inputs.shape[2])
