"""Conditional positions (Chu et al., "Conditional Positional Encodings for Vision Transformers", ICLR 2023,
arXiv:2102.10882)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from probekit_plugins.structures.blocks import build_convolution


class Conditional(nn.Module):
    """A depthwise convolution with a kernel K of side 3 is added to the input of q, k and v.

        x' = x + K conv x

    A position shows in the content around it, and at the border in the zeros of the padding.
    """

    expected_failures: Mapping[str, str] = {
        "encoding-keeps-a-layer-causal": "its kernel, made for images, sees the next position",
    }

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        self.depthwise = build_convolution(size, channels, channels, 3, groups=channels)

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of q, k and v, of the shape of x (batch, channels, *size)."""
        encoded = x + self.depthwise(x)
        return encoded, encoded, encoded
