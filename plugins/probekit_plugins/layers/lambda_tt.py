"""Lambda + TT of Courtois et al. 2022 (arXiv:2204.11045, section 5.3): the keys' matrix is computed instead
of learned."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.lambda_ import Lambda


class LambdaTT(Lambda):
    """Iterate the Lambda layer: a first pass summarises the map, a second compares it to the summaries.

        S = softmax_n(K x) (V' x)^T, Kbar = softmax_n(S K' x), y = (Kbar (V x)^T)^T Q x

    S, (keys x keys), has the summaries. Each softmax is over positions, head by head. V' and K' read the same
    input as K.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        keys: number of keys in each head.
        bias: whether K' has one. It cancels in the softmax, but the count of Table 3 includes it, and that
            of Table 1 does not.
        options: the other parameters of `Lambda`.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 1,
        keys: PositiveInt = 64,
        bias: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(channels, size, heads=heads, keys=keys, **options)
        self.summary = nn.Linear(self.key.in_features, heads * keys)
        self.compare = nn.Linear(self.key.in_features, heads * keys, bias=bias)

    def normalize_keys(self, rows: Tensor) -> Tensor:
        """Return the second pass's Kbar, as `Lambda.normalize_keys` returns the first's."""
        summaries = self.compute_lambdas(super().normalize_keys(rows), rows, self.summary)
        matrix = summaries @ self.split_heads(self.compare.weight)  # S K': (batch, heads, keys, channels)
        scores = torch.bmm(matrix.flatten(1, 2), rows.mT)
        if self.compare.bias is not None:
            scores = scores + (summaries @ self.split_heads(self.compare.bias).unsqueeze(-1)).flatten(1, 2)
        return scores.softmax(-1)
