"""Fourier mixing (Lee-Thorp et al., "FNet: Mixing Tokens with Fourier Transforms", NAACL 2022,
arXiv:2105.03824)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FNet(nn.Module):
    """The Fourier transform over channels and positions; no parameters.

        y = Re(FFT(x)) / sqrt(C N)

    C is the number of channels. N log N in positions N. All axes are transformed. The paper does not scale
    the transform and normalises after it; here the output is as large as the input.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(torch.promote_types(x.dtype, torch.float32))
            y: Tensor = torch.fft.fftn(exact, dim=tuple(range(1, x.ndim)), norm="ortho").real
        return y.to(x.dtype)
