"""Global average pooling as a layer (Courtois et al. 2022, section 4): every position receives the mean."""

from __future__ import annotations

from torch import Tensor, nn


class Average(nn.Module):
    """The mean over positions, broadcast: (batch, channels, *size) to the same shape; no parameters."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.ndim)), keepdim=True).expand_as(x)
