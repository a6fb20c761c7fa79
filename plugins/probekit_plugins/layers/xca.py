"""Cross-covariance attention (El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", NeurIPS 2021,
arXiv:2106.09681)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class XCA(Attention):
    """Channels attend to channels, head by head, with q and k of length one over positions.

        y = O v softmax(k^T q / tau)

    A temperature tau is learned for each head. Positions meet only in the sums k^T q, so that it is linear in
    them. The paper's local convolutions between its layers belong to the structure.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, heads: PositiveInt = 4) -> None:
        super().__init__(channels, heads=heads, project_out=True)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values, each channel weighted by the softmax over channels."""
        q, k, v = parts
        q, k = functional.normalize(q, dim=-2), functional.normalize(k, dim=-2)
        weights = ((q.mT @ k) * self.temperature).softmax(-1)
        return v @ weights.mT
