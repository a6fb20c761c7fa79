"""The global filter (Rao et al., "Global Filter Networks for Image Classification", NeurIPS 2021,
arXiv:2107.00645)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalFilter(nn.Module):
    """A circular convolution with one kernel K of the map's size per channel; N log N in positions.

        y = IFFT(K * FFT(x))

    It reaches everywhere, is exactly covariant to circular shifts, and weights positions by where they are,
    never by their content. The transform is real and orthonormal, over all axes.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        half_size = (*size[:-1], size[-1] // 2 + 1)
        self.complex_weight = nn.Parameter(torch.randn(channels, *half_size, 2) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        with torch.autocast(x.device.type, enabled=False):
            exact = x.to(torch.promote_types(x.dtype, torch.float32))
            kernel = torch.view_as_complex(self.complex_weight.to(exact.dtype))
            spectrum = torch.fft.rfftn(exact, dim=axes, norm="ortho") * kernel
            y: Tensor = torch.fft.irfftn(spectrum, s=x.shape[2:], dim=axes, norm="ortho")
        return y.to(x.dtype)
