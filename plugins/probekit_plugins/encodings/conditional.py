"""Conditional positions (Chu et al., "Conditional Positional Encodings for Vision Transformers", ICLR
2023)."""

from __future__ import annotations

from torch import Tensor, nn

from probekit_plugins.structures.blocks import convolution


class Conditional(nn.Module):
    """x + depthwise(x), three positions a side, for what q, k and v read: a position is told by what lies
    around it, and by the border, where zeros do."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        self.depthwise = convolution(size, channels, channels, 3, groups=channels)

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what q, k and v read, of the shape of x (batch, channels, *size)."""
        placed = x + self.depthwise(x)
        return placed, placed, placed
