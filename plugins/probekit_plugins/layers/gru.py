"""The gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN", EMNLP 2014)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit_plugins.layers.scan import Scan, shares, ways


class GRU(nn.Module):
    """A state moved by each position in turn: (batch, channels, *size) to the same shape.

    Linear in positions, one after the other. scan: see `scan.ways`; each way has a unit of its own, which
    reads all channels and makes its share of them. causal: in reading order alone.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, scan: Scan = "both", causal: bool = False
    ) -> None:
        super().__init__()
        several = ways(scan, size, causal)
        made = [(way, share) for way, share in zip(several, shares(channels, several), strict=True) if share]
        self.ways = [way for way, _ in made]
        self.units = nn.ModuleList(nn.GRU(channels, share, batch_first=True) for _, share in made)

    def forward(self, x: Tensor) -> Tensor:
        rows, size = x.flatten(2), x.shape[2:]
        found = [
            way.restore(unit(way.read(rows, size).mT)[0].mT, size)
            for way, unit in zip(self.ways, self.units, strict=True)
        ]
        return torch.cat(found, 1).reshape_as(x)
