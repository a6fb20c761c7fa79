"""The Fourier positional encoding under the Decor. rule of Courtois et al. 2022 (section 5.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from probekit.errors import UsageError


class PE(nn.Module):
    """y_pos = (A Kbar P^T) P, where P^T P depends on differences of positions only: no absolute position leaks.

    P interleaves cos(w x), sin(w x), cos(w y), sin(w y) for the frequencies w_c = 2 pi c / (2 C), c = 1..C / 2,
    with C = 2 * frequencies channels an axis. Its channels are split in `bands`, one for each group of neighbouring
    output channels, so that each group has its own kernel.
    A (channels x keys) is learned, without a bias, where keys differs from a head's output width; else it is the identity.
    Raises UsageError where the bands do not divide the frequencies.
    """

    def __init__(
        self, channels: int, size: tuple[int, ...], *, keys: int, heads: int, frequencies: int = 32, bands: int = 8
    ) -> None:
        super().__init__()
        if bands < 1 or frequencies % bands:
            raise UsageError(
                f"pe(frequencies={frequencies}, bands={bands})",
                f"{frequencies} frequencies cannot be split in {bands} bands",
                "Type a number of frequencies that is a multiple of the bands.",
            )
        self.project = None if keys * heads == channels else nn.Parameter(torch.empty(heads, channels // heads, keys))
        if self.project is not None:
            nn.init.uniform_(self.project, -(keys**-0.5), keys**-0.5)
        omega = torch.arange(1, frequencies + 1) * (math.pi / (2 * frequencies))
        band = torch.arange(channels) * bands // channels
        for axis, length in enumerate(size):
            phase = (omega[:, None] * torch.arange(length)).unflatten(0, (bands, -1))
            table = torch.cat([phase.cos(), phase.sin()], 1)  # (bands, channels of P in a band and on this axis, length)
            self.register_buffer(f"table{axis}", table[band], persistent=False)

    def position(self, queries: object, keys: Tensor, values: object) -> Tensor:
        """Return y_pos (batch, channels, *size) from keys (batch, heads, keys, *size), softmaxed over positions."""
        axes = range(3, keys.ndim)
        total: Tensor | None = None
        for axis in axes:
            # every channel of P reads one axis only, so Kbar P^T needs no more than the marginal of Kbar on it
            others = [other for other in axes if other != axis]
            marginal = keys.sum(others) if others else keys
            if self.project is not None:
                marginal = self.project @ marginal
            table = self.get_buffer(f"table{axis - 3}")
            lambdas = torch.einsum("bol,ocl->boc", marginal.flatten(1, 2), table)
            y = torch.einsum("boc,ocl->blo", lambdas, table)
            y = y.view(len(y), *(-1 if other == axis else 1 for other in axes), y.shape[-1])
            total = y if total is None else total + y
        assert total is not None
        return total.movedim(-1, 1)
