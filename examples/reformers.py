"""Other Reformers in the place of ours, for table 3: a layer from a file is typed as

probekit run grouping -s "plain(depth=3)+./examples/reformers.py:Redrawn(bucket=16)"
"""

from __future__ import annotations

from torch import Tensor, nn

from probekit_plugins.layers.reformer import Reformer


class Redrawn(Reformer):
    """Ours with rotations that are drawn anew at every call."""

    def forward(self, x: Tensor) -> Tensor:
        self.rotations.normal_()
        y: Tensor = super().forward(x)
        return y


class Public(nn.Module):
    """The attention of the package reformer-pytorch, which is to be installed."""

    def __init__(self, channels: int, size: tuple[int, ...], *, bucket: int = 16, rounds: int = 4) -> None:
        from reformer_pytorch import LSHSelfAttention

        super().__init__()
        self.layer = LSHSelfAttention(channels, heads=8, bucket_size=bucket, n_hashes=rounds)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.flatten(2).mT)
        return y.mT.reshape_as(x)
