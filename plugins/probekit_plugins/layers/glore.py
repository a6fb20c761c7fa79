"""Global reasoning (Chen et al., "Graph-Based Global Reasoning Networks", CVPR 2019)."""

from __future__ import annotations

from torch import Tensor, nn


class GloRe(nn.Module):
    """V = B theta(x), Z = (I - A) V W, y = W_o B^T Z: (batch, channels, *size) to the same, linear in
    positions.

    B, a linear map of x to an eighth of the channels (four at the least), projects positions to as many nodes
    of features theta(x), a quarter of the channels; two linear maps over nodes and over features reason
    there, as in the paper's equation 5 (the authors' code has a ReLU between). The skip, and the
    normalisation that the authors put after W_o, are the structure's.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        features, nodes = max(2, channels // 4), max(4, channels // 8)
        self.reduce = nn.Linear(channels, features)
        self.project = nn.Linear(channels, nodes)
        self.nodes = nn.Linear(nodes, nodes)
        self.features = nn.Linear(features, features, bias=False)
        self.out = nn.Linear(features, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        shares = self.project(rows)  # (batch, positions, nodes)
        gathered = self.reduce(rows).mT @ shares / rows.shape[1]  # (batch, features, nodes)
        reasoned = gathered - self.nodes(gathered)
        y: Tensor = self.out(shares @ self.features(reasoned.mT))
        return y.mT.reshape_as(x)
