"""Squeeze and excitation (Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """y = x * sigmoid(W2 ReLU(W1 mean_n x)), linear in positions.

    The mean of all positions weights the channels of each.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        ratio: W1 divides the channels by it.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, ratio: PositiveInt = 4) -> None:
        super().__init__()
        hidden_channels = max(1, channels // ratio)
        self.gate = nn.Sequential(
            nn.Linear(channels, hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(x.flatten(2).mean(2))
        return x * gate.view(*gate.shape, *(1,) * (x.ndim - 2))
