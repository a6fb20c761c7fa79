"""Double attention (Chen et al., "A^2-Nets: Double Attention Networks", NeurIPS 2018)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class DoubleAttention(nn.Module):
    """y = W (A softmax_n(B)^T) softmax_m(V): (batch, channels, *size) to the same, linear in positions.

    A, B and V are linear maps of x to a quarter of the channels. The softmax of B over positions gathers as
    many descriptors of the map, that of V over the descriptors hands them out. The skip is the structure's.
    """

    expected_failures: Mapping[str, str] = {
        "gradient-reaches-every-parameter": "a bias cancels in a softmax over positions; the paper has it"
    }

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.inside = max(1, channels // 4)
        self.maps = nn.Linear(channels, 2 * self.inside)
        self.gather = nn.Linear(channels, self.inside)
        self.out = nn.Linear(self.inside, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        features, hands = self.maps(rows).chunk(2, 2)
        gathered = self.gather(rows).softmax(1).mT @ features  # (batch, descriptors, inside)
        y: Tensor = self.out(hands.softmax(2) @ gathered)
        return y.mT.reshape_as(x)
