"""Fourier mixing (Lee-Thorp et al., "FNet: Mixing Tokens with Fourier Transforms", NAACL 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FNet(nn.Module):
    """y = the real part of the Fourier transform over channels and positions, divided by sqrt(channels N).

    (batch, channels, *size) to the same shape; no parameters, N log N in positions. The paper leaves it
    unscaled and normalises after it; here what comes out is as large as what went in. All axes are
    transformed.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(torch.promote_types(x.dtype, torch.float32))
            y: Tensor = torch.fft.fftn(exact, dim=tuple(range(1, x.ndim)), norm="ortho").real
        return y.to(x.dtype)
