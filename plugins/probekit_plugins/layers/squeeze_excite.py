"""Squeeze and excitation (Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018,
arXiv:1709.01507)."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """The mean xbar of all positions weights the channels of each; linear in positions.

        y_n = x_n * sigmoid(W_2 ReLU(W_1 xbar))

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
