"""Hyena (Poli et al., "Hyena Hierarchy: Towards Larger Convolutional Language Models", ICML 2023)."""

from __future__ import annotations

from functools import partial
from math import log, pi, prod

import torch
from torch import Tensor, nn

from probekit_plugins.layers.long_convolution import convolved
from probekit_plugins.layers.scan import Scan, scanned, ways

BANDS = 8
WIDE = 64
FAST, SLOW = 0.3, 1.5
"""Shares of the positions after which the kernels' windows have come down to a hundredth."""


class Hyena(nn.Module):
    """y = O (q * (h . (k * v) + d k * v)), h . a convolution over all positions: order two.

    (batch, channels, *size) to the same shape, N log N in positions by the transform. q, k and v are linear
    maps of what comes in; h, a kernel a channel, is made by a network of sines from where a position lies,
    and falls off exponentially, in each channel at another rate. The paper's short convolution is the
    structure's (`conv`). scan: see `scan.ways`; each way has its share of the channels. causal: in reading
    order alone.
    """

    places: Tensor
    rates: Tensor

    def __init__(
        self, channels: int, size: tuple[int, ...], *, scan: Scan = "both", causal: bool = False
    ) -> None:
        super().__init__()
        self.length, self.ways = prod(size), ways(scan, size, causal)
        place = torch.arange(self.length, dtype=torch.get_default_dtype())[:, None] / self.length
        turns = 2 * pi * torch.arange(1, BANDS + 1) * place
        features = torch.cat([place, turns.cos(), turns.sin()], 1)
        rates = -log(1e-2) / torch.linspace(FAST, SLOW, channels, dtype=place.dtype)
        self.register_buffer("places", features, persistent=False)
        self.register_buffer("rates", rates, persistent=False)
        self.maps = nn.Linear(channels, 3 * channels)
        self.first = nn.Linear(features.shape[1], WIDE)
        self.second = nn.Linear(WIDE, WIDE)
        self.last = nn.Linear(WIDE, channels, bias=False)
        self.skip = nn.Parameter(torch.randn(channels))
        self.out = nn.Linear(channels, channels)

    def kernel(self) -> Tensor:
        """Return what a position gets of each one before it, (channels, positions)."""
        hidden = torch.sin(self.second(torch.sin(self.first(self.places))))
        fades = torch.exp(-self.rates[:, None] * self.places[:, 0])
        made: Tensor = self.last(hidden).mT * fades / self.length**0.5
        return made

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.maps(x.flatten(2).mT).mT.chunk(3, 1)
        with torch.autocast(x.device.type, enabled=False):
            rows = (k * v).to(self.skip.dtype)
            read = (
                scanned(partial(convolved, kernel=self.kernel()), (rows,), self.ways, x.shape[2:])
                + self.skip[:, None] * rows
            )
        y: Tensor = self.out((q * read.to(q.dtype)).mT)
        return y.mT.reshape_as(x)
