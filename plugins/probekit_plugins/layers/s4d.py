"""The diagonal state space (Gu et al., "On the Parameterization and Initialization of Diagonal State Space
Models", NeurIPS 2022)."""

from __future__ import annotations

from functools import partial
from math import ceil, log, pi, prod

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from probekit_plugins.layers.long_convolution import convolved
from probekit_plugins.layers.scan import Scan, scanned, ways
from probekit_plugins.structures.blocks import Pointwise


class S4D(nn.Module):
    """y = O GELU(K * x + D x), K_l = 2 Re sum_n C_n (exp(d A_n) - 1) / A_n exp(l d A_n), a kernel a channel.

    (batch, channels, *size) to the same shape, positions in reading order, N log N in them by the transform.
    The same kernel everywhere: it weighs positions by how far back they lie, never by what they hold. A
    starts as -1/2 + i pi n ("S4D-Lin"), steps d as 0.001 to 0.1. state: numbers of a channel's state, in
    conjugate pairs. scan: see `scan.ways`; each way has its share of the channels. causal: in reading order
    alone.
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
        self.ways, pairs = ways(scan, size, causal), max(1, state // 2)
        self.length = prod(size)
        self.step = nn.Parameter(torch.empty(channels).uniform_(log(1e-3), log(1e-1)))
        self.damping = nn.Parameter(torch.full((channels, pairs), 0.5).log())
        self.turning = nn.Parameter((pi * torch.arange(pairs, dtype=self.step.dtype)).repeat(channels, 1))
        self.read = nn.Parameter(torch.randn(channels, pairs, 2) * 0.5**0.5)
        self.skip = nn.Parameter(torch.randn(channels))
        self.out = Pointwise(channels, channels)

    def kernel(self) -> Tensor:
        """Return what a position gets of each one before it, (channels, positions)."""
        poles = torch.complex(-self.damping.exp(), self.turning)
        moved = poles * self.step.exp()[:, None]
        weights = torch.view_as_complex(self.read) * (moved.exp() - 1) / poles
        # l is a multiple of a stride and a rest: exponentials of both are few, and K is a product of them
        stride = ceil(self.length**0.5)
        back = torch.arange(stride, device=moved.device)
        near = (moved[..., None] * back).exp()
        far = weights[..., None] * (moved[..., None] * stride * back).exp()  # (channels, pairs, stride)
        kernel = torch.cat([far.real, -far.imag], 1).mT @ torch.cat([near.real, near.imag], 1)
        return 2 * kernel.flatten(1)[:, : self.length]

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            rows = x.flatten(2).to(self.skip.dtype)
            y = (
                scanned(partial(convolved, kernel=self.kernel()), (rows,), self.ways, x.shape[2:])
                + self.skip[:, None] * rows
            )
        z: Tensor = self.out(nn.functional.gelu(y).to(x.dtype).view_as(x))
        return z
