"""Global reasoning (Chen et al., "Graph-Based Global Reasoning Networks", CVPR 2019, arXiv:1811.12814)."""

from __future__ import annotations

from torch import Tensor, nn


class GloRe(nn.Module):
    """Positions are projected to a few nodes, which reason and are projected back; linear in positions.

        V = B theta(x) / N, Z = (I - A) V W, y = W_o B^T Z

    B, a linear map of x to an eighth of the channels (at least four), projects positions to as many nodes
    with features theta(x), a quarter of the channels. Two linear maps, A over nodes and W over features,
    reason there, as in the paper's equation 5 (the authors' code has a ReLU between). The skip, and the
    normalisation that the authors put after W_o, belong to the structure.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        features, nodes = max(2, channels // 4), max(4, channels // 8)
        self.theta = nn.Linear(channels, features)
        self.b_proj = nn.Linear(channels, nodes)
        self.adjacency = nn.Linear(nodes, nodes)
        self.state_update = nn.Linear(features, features, bias=False)
        self.out_proj = nn.Linear(features, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        b = self.b_proj(rows)  # (batch, positions, nodes)
        v = self.theta(rows).mT @ b / rows.shape[1]  # (batch, features, nodes)
        reasoned = v - self.adjacency(v)
        y: Tensor = self.out_proj(b @ self.state_update(reasoned.mT))
        return y.mT.reshape_as(x)
