"""Long convolutions, over all positions up to each, by the Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor


def fft_conv(rows: Tensor, kernel: Tensor) -> Tensor:
    """Return sum over l of kernel_l row_(n - l), N log N in positions.

    Args:
        rows: (batch, channels, positions).
        kernel: by how far back a position lies, (channels, positions).

    Returns:
        The shape of rows.
    """
    length = rows.shape[-1]  # the transform is twice as long, so that the end does not wrap to the start
    spectrum = torch.fft.rfft(rows, 2 * length) * torch.fft.rfft(kernel, 2 * length)
    y: Tensor = torch.fft.irfft(spectrum, 2 * length)[..., :length]
    return y
