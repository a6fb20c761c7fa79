"""Double attention (Chen et al., "A^2-Nets: Double Attention Networks", NeurIPS 2018, arXiv:1810.11579)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class DoubleAttention(nn.Module):
    """Descriptors of the whole map are gathered, then distributed; linear in positions.

        y = W (A softmax_n(B)^T) softmax_m(V)

    A, B and V are linear maps of x to a quarter of the channels. The softmax of B over positions gathers as
    many descriptors of the map; that of V over the descriptors distributes them. The skip belongs to the
    structure.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    expected_failures: Mapping[str, str] = {
        "gradient-reaches-every-parameter": "a bias cancels in a softmax over positions; the paper has it"
    }

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        hidden_channels = max(1, channels // 4)
        self.av_proj = nn.Linear(channels, 2 * hidden_channels)
        self.b_proj = nn.Linear(channels, hidden_channels)
        self.out_proj = nn.Linear(hidden_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        a, v = self.av_proj(rows).chunk(2, 2)
        descriptors = self.b_proj(rows).softmax(1).mT @ a  # (batch, descriptors, hidden channels)
        y: Tensor = self.out_proj(v.softmax(2) @ descriptors)
        return y.mT.reshape_as(x)
