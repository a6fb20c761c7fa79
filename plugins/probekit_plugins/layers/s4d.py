"""The diagonal state space (Gu et al., "On the Parameterization and Initialization of Diagonal State Space
Models", NeurIPS 2022, arXiv:2206.11893)."""

from __future__ import annotations

from functools import partial
from math import ceil, log, pi, prod

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.long_convolution import fft_conv
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions
from probekit_plugins.structures.blocks import Pointwise


class S4D(nn.Module):
    """A diagonal state space, as one convolution kernel K per channel.

        y = O GELU(K conv x + D * x), K_l = 2 Re(sum_n C_n exp(l dt A_n) (exp(dt A_n) - 1) / A_n)

    The kernel is the same everywhere: it weights positions by how far back they lie, never by their content.
    A starts as -1/2 + i pi n ("S4D-Lin"), dt as 0.001 to 0.1. N log N in positions by the transform.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        state: numbers in the state of a channel, in conjugate pairs.
        scan: the order of reading (see `scan_directions`); each direction has its share of the channels.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        state: PositiveInt = 64,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.directions, pairs = scan_directions(scan, size, causal), max(1, state // 2)
        self.length = prod(size)
        self.log_dt = nn.Parameter(torch.empty(channels).uniform_(log(1e-3), log(1e-1)))
        self.log_A_real = nn.Parameter(torch.full((channels, pairs), 0.5).log())
        self.A_imag = nn.Parameter((pi * torch.arange(pairs, dtype=self.log_dt.dtype)).repeat(channels, 1))
        self.C = nn.Parameter(torch.randn(channels, pairs, 2) * 0.5**0.5)
        self.D = nn.Parameter(torch.randn(channels))
        self.out_proj = Pointwise(channels, channels)

    def compute_kernel(self) -> Tensor:
        """Return K, by how far back a position lies, (channels, positions)."""
        a = torch.complex(-self.log_A_real.exp(), self.A_imag)
        dt_a = a * self.log_dt.exp()[:, None]
        c = torch.view_as_complex(self.C) * (dt_a.exp() - 1) / a
        # l is a multiple of a stride plus a rest: exponentials of both are few, and K is a product of them
        stride = ceil(self.length**0.5)
        steps = torch.arange(stride, device=dt_a.device)
        fine = (dt_a[..., None] * steps).exp()
        coarse = c[..., None] * (dt_a[..., None] * stride * steps).exp()  # (channels, pairs, stride)
        kernel = torch.cat([coarse.real, -coarse.imag], 1).mT @ torch.cat([fine.real, fine.imag], 1)
        return 2 * kernel.flatten(1)[:, : self.length]

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            rows = x.flatten(2).to(self.D.dtype)
            convolve = partial(fft_conv, kernel=self.compute_kernel())
            y = apply_scan(convolve, (rows,), self.directions, x.shape[2:]) + self.D[:, None] * rows
        z: Tensor = self.out_proj(nn.functional.gelu(y).to(x.dtype).view_as(x))
        return z
