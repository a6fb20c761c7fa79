"""The Decor. rule of Courtois et al. 2022 (arXiv:2204.11045, section 5.2), after Chen et al., "Demystifying
the Better Performance of Position Encoding Variants for Transformer", EMNLP 2021."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Decor(nn.Module):
    """y_pos = (A Kbar P^T) P: as P^T P depends only on differences of positions, no absolute position leaks.

    P interleaves cos(w x), sin(w x), cos(w y), sin(w y) (in 1-D the first two) for each frequency w. It is
    split in bands, one for each group of neighbouring output channels, so that each group has its own kernel.
    A, one matrix (head's channels x keys) per head, is learned and has no bias where the keys differ from a
    head's channels; otherwise it is the identity.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        frequencies: float64, in radians per position.
        keys: number of keys in each head.
        heads: number of heads of the layer.
        bands: must divide the frequencies. Where they do not divide the channels, groups have nearly equal
            size.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        frequencies: Tensor,
        *,
        keys: int,
        heads: int,
        bands: int = 8,
    ) -> None:
        super().__init__()
        if keys * heads == channels:
            self.projection = None
        else:
            self.projection = nn.Parameter(torch.empty(heads, channels // heads, keys))
            nn.init.uniform_(self.projection, -(keys**-0.5), keys**-0.5)  # as nn.Linear starts
        band = torch.arange(channels) * bands // channels
        for axis, length in enumerate(size):
            phase = torch.unflatten(frequencies[:, None] * torch.arange(length), 0, (bands, -1))
            table = torch.cat([phase.cos(), phase.sin()], 1)[band].to(torch.get_default_dtype())
            # (output channels, the channels of P that read this axis in each one's band, length)
            self.register_buffer(f"table{axis}", table, persistent=False)

    def position(self, queries: object, keys: Tensor, values: object) -> Tensor:
        """Return y_pos (batch, channels, *size) from Kbar (batch, heads, keys, *size)."""
        axes = range(3, keys.ndim)
        parts = []
        for axis in axes:
            # a channel of P reads one axis only, so Kbar P^T needs no more of Kbar than its marginal there
            summed_axes = [dim for dim in axes if dim != axis]
            marginal = keys.sum(summed_axes) if summed_axes else keys
            mixed = (marginal if self.projection is None else self.projection @ marginal).flatten(1, 2)
            table = self.get_buffer(f"table{axis - 3}")
            lambdas = torch.einsum("bol,ocl->boc", mixed, table)
            part = torch.einsum("boc,ocl->blo", lambdas, table)
            parts.append(part.reshape(len(part), *(-1 if dim == axis else 1 for dim in axes), part.shape[-1]))
        return sum(parts[1:], parts[0]).movedim(-1, 1)
