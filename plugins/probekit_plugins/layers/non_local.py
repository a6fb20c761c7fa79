"""The non-local block (Wang et al., "Non-local Neural Networks", CVPR 2018)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class NonLocal(nn.Module):
    """y_n = O sum_m softmax_m(q_n k_m) v_m: (batch, channels, *size) to the same shape, quadratic in time.

    The embedded Gaussian: one head of half the channels, whose products are not divided by a root. Its skip
    is the structure's. O starts at zero in the paper, so that the block adds nothing; here as other maps do,
    as the structure scales what a layer adds.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        inside = max(1, channels // 2)
        self.maps = nn.Linear(channels, 3 * inside)
        self.out = nn.Linear(inside, channels)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part[:, None] for part in self.maps(x.flatten(2).mT).chunk(3, 2))
        read = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        y: Tensor = self.out(read[:, 0])
        return y.mT.reshape_as(x)
