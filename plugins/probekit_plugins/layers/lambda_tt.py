"""Lambda + TT of Courtois et al. 2022 (section 5.3): the keys' learned matrix gives way to one computed from the input."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from probekit_plugins.layers.lambda_ import Lambda


class LambdaTT(Lambda):
    """Iterates the Lambda layer twice: a first pass summarises the map, a second compares every position to the summaries.

    A head at a time: S = softmax(K x) (V' x)^T, (keys x keys); Kbar = softmax(S K' x); then y as in Lambda.
    K' has no bias, as K: it would cancel in the softmax.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: int = 1, keys: int = 64, **given: Any) -> None:
        super().__init__(channels, size, heads=heads, keys=keys, **given)
        self.summary = nn.Linear(channels, heads * keys)
        self.compare = nn.Linear(channels, heads * keys, bias=False)

    def attend(self, rows: Tensor) -> Tensor:
        context = (super().attend(rows) @ rows).unflatten(1, (self.heads, -1))
        summary = self.summary.weight.unflatten(0, (self.heads, -1))
        summaries = context @ summary.mT + self.summary.bias.unflatten(0, (self.heads, 1, -1))
        matrix = summaries @ self.compare.weight.unflatten(0, (self.heads, -1))  # (batch, heads, keys, channels)
        return (matrix.flatten(1, 2) @ rows.mT).softmax(-1)
