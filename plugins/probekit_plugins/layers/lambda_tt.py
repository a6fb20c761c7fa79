"""Lambda + TT of Courtois et al. 2022 (section 5.3): the keys' learned matrix gives way to one computed."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.lambda_ import Lambda


class LambdaTT(Lambda):
    """Iterates the Lambda layer: a first pass summarises the map, a second compares it to the summaries.

    S = softmax(K x) (V' x)^T, (keys x keys), Kbar = softmax(S K' x), both over positions and head by head;
    y as in Lambda, which see for the parameters. V' and K' read what K does.
    bias: whether K' has one. It cancels in the softmax, but the count of Table 3 has it, and Table 1's not.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 1,
        keys: PositiveInt = 64,
        bias: bool = False,
        **given: Any,
    ) -> None:
        super().__init__(channels, size, heads=heads, keys=keys, **given)
        self.summary = nn.Linear(self.key.in_features, heads * keys)
        self.compare = nn.Linear(self.key.in_features, heads * keys, bias=bias)

    def attend(self, rows: Tensor) -> Tensor:
        """Return the second pass's Kbar, as Lambda.attend returns the first's."""
        summaries = self.summarise(super().attend(rows), rows, self.summary)
        matrix = summaries @ self.split(self.compare.weight)  # S K': (batch, heads, keys, channels)
        scores = torch.bmm(matrix.flatten(1, 2), rows.mT)
        if self.compare.bias is not None:
            scores = scores + (summaries @ self.split(self.compare.bias).unsqueeze(-1)).flatten(1, 2)
        return scores.softmax(-1)
