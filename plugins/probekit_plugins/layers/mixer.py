"""The token mixing of Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", NeurIPS 2021,
arXiv:2105.01601."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from probekit_plugins.layers.attention import check_pair_limit


class Mixer(nn.Module):
    """A perceptron over positions, four times wider inside, the same for every channel.

        y = W_2 GELU(W_1 x)

    It has 8 N^2 + 5 N parameters for N positions.

    Shape:
        (batch, channels, *size) to the same shape.

    Raises:
        UsageError: the map has more than 4,096 positions.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        check_pair_limit("mixer", size, 8, "parameters")
        positions = prod(size)
        self.token_mixing = nn.Sequential(
            nn.Linear(positions, 4 * positions), nn.GELU(), nn.Linear(4 * positions, positions)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.token_mixing(x.flatten(2))
        return y.reshape_as(x)
