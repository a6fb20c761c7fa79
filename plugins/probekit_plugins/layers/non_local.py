"""The non-local block (Wang et al., "Non-local Neural Networks", CVPR 2018, arXiv:1711.07971)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class NonLocal(nn.Module):
    """Attention of one head that is not scaled; quadratic in time.

        y_n = O sum_m softmax_m(q_n^T k_m) v_m

    The embedded Gaussian: one head of half the channels, whose products are not divided by a root. The skip
    belongs to the structure. O starts at zero in the paper, so that the block adds nothing; here it starts as
    other maps do, as the structure scales what a layer adds.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        hidden_channels = max(1, channels // 2)
        self.in_proj = nn.Linear(channels, 3 * hidden_channels)
        self.out_proj = nn.Linear(hidden_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part[:, None] for part in self.in_proj(x.flatten(2).mT).chunk(3, 2))
        values = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        y: Tensor = self.out_proj(values[:, 0])
        return y.mT.reshape_as(x)
