"""A long convolution gives each position a share of every one up to it, by the Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor


def convolved(rows: Tensor, kernel: Tensor) -> Tensor:
    """Return sums over l of kernel_l row_(n - l), (batch, channels, positions), N log N in positions.

    rows: (batch, channels, positions); kernel: (channels, positions), what a position gets of each before it.
    """
    length = rows.shape[-1]  # twice as long a transform, so that the end does not come round to the start
    waves = torch.fft.rfft(rows, 2 * length) * torch.fft.rfft(kernel, 2 * length)
    y: Tensor = torch.fft.irfft(waves, 2 * length)[..., :length]
    return y
