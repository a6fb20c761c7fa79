"""The global context layer of Cao et al., "Global Context Networks", TPAMI 2020, arXiv:2012.13375."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from probekit_plugins.structures.blocks import Pointwise


class GlobalContext(nn.Module):
    """One context for all positions.

        c = sum_m softmax_m(w^T x_m) x_m, y_n = W_2 ReLU(LN(W_1 c))

    W_1 halves the channels. The block's skip belongs to the structure.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    expected_failures: Mapping[str, str] = {
        "gradient-reaches-every-parameter": "the attention's bias cancels in the softmax; the paper counts it"
    }

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        hidden_channels = max(1, channels // 2)
        self.attention = Pointwise(channels, 1)
        self.transform = nn.Sequential(
            nn.Linear(channels, hidden_channels),
            nn.LayerNorm(hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = self.attention(x).flatten(2).softmax(-1)  # (batch, 1, positions)
        context = (weights @ x.flatten(2).mT).squeeze(1)
        y: Tensor = self.transform(context)
        return y.view(*y.shape, *(1,) * (x.ndim - 2)).expand_as(x)
