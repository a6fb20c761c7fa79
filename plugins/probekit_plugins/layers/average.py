"""Global average pooling as a layer (Courtois et al. 2022, arXiv:2204.11045, section 4): every position
receives the mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """Every position receives the mean of all; no parameters.

        y_n = sum_m x_m / N

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        causal: each position receives the mean of the positions up to it, in reading order.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        if self.causal:
            rows = x.flatten(2)
            counts = torch.arange(1, rows.shape[2] + 1, dtype=x.dtype, device=x.device)
            return (rows.cumsum(2) / counts).view_as(x)
        return x.mean(tuple(range(2, x.ndim)), keepdim=True).expand_as(x)
