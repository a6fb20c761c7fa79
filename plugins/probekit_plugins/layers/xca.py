"""Cross-covariance attention (El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", NeurIPS 2021)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class XCA(Attention):
    """y = O v softmax(k^T q / tau), channels attending to channels, q and k of length one over positions.

    (batch, channels, *size) to the same shape, linear in positions, which meet in the sums of k^T q alone. A
    temperature tau a head is learned. heads: must divide channels.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 4) -> None:
        super().__init__(channels, heads=heads, out=True)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values, each channel a mean of those that vary like it."""
        q, k, v = parts
        q, k = functional.normalize(q, dim=-2), functional.normalize(k, dim=-2)
        shares = ((q.mT @ k) * self.temperature).softmax(-1)
        return v @ shares.mT
