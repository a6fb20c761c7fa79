"""Hyena (Poli et al., "Hyena Hierarchy: Towards Larger Convolutional Language Models", ICML 2023,
arXiv:2302.10866)."""

from __future__ import annotations

from functools import partial
from math import log, pi, prod

import torch
from torch import Tensor, nn

from probekit_plugins.layers.long_convolution import fft_conv
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

BANDS = 8
FILTER_WIDTH = 64
FAST_DECAY, SLOW_DECAY = 0.3, 1.5
"""Shares of the positions after which the filters' windows have come down to a hundredth."""


class Hyena(nn.Module):
    """A convolution over all positions, between two gates: order two.

        y = O (q * (h conv (k * v) + D * k * v))

    q, k and v are linear maps of x. A network of sines computes h, one filter per channel, from the position;
    it decays exponentially, at another rate in each channel. The sines have frequency 1 at first, where the
    paper has 10, so that filters start smoother. The paper's short convolution belongs to the structure:
    `plain(conv=4)` has one, and other networks, such as the U-Nets that maps run in, have none. N log N in
    positions by the transform.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        scan: the order of reading (see `scan_directions`); each direction has its share of the channels.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    pos_emb: Tensor
    deltas: Tensor

    def __init__(
        self, channels: int, size: tuple[int, ...], *, scan: Scan = "both", causal: bool = False
    ) -> None:
        super().__init__()
        self.length, self.directions = prod(size), scan_directions(scan, size, causal)
        t = torch.arange(self.length, dtype=torch.get_default_dtype())[:, None] / self.length
        angles = 2 * pi * torch.arange(1, BANDS + 1) * t
        features = torch.cat([t, angles.cos(), angles.sin()], 1)
        deltas = -log(1e-2) / torch.linspace(FAST_DECAY, SLOW_DECAY, channels, dtype=t.dtype)
        self.register_buffer("pos_emb", features, persistent=False)
        self.register_buffer("deltas", deltas, persistent=False)
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.filter_in = nn.Linear(features.shape[1], FILTER_WIDTH)
        self.filter_hidden = nn.Linear(FILTER_WIDTH, FILTER_WIDTH)
        self.filter_out = nn.Linear(FILTER_WIDTH, channels, bias=False)
        self.D = nn.Parameter(torch.randn(channels))
        self.out_proj = nn.Linear(channels, channels)

    def compute_filter(self) -> Tensor:
        """Return h, by how far back a position lies, (channels, positions)."""
        hidden = torch.sin(self.filter_hidden(torch.sin(self.filter_in(self.pos_emb))))
        window = torch.exp(-self.deltas[:, None] * self.pos_emb[:, 0])
        h: Tensor = self.filter_out(hidden).mT * window / self.length**0.5
        return h

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.in_proj(x.flatten(2).mT).mT.chunk(3, 1)
        with torch.autocast(x.device.type, enabled=False):
            kv = (k * v).to(self.D.dtype)
            convolve = partial(fft_conv, kernel=self.compute_filter())
            y = apply_scan(convolve, (kv,), self.directions, x.shape[2:]) + self.D[:, None] * kv
        z: Tensor = self.out_proj((q * y.to(q.dtype)).mT)
        return z.mT.reshape_as(x)
