"""CoordConv (Liu et al., "An Intriguing Failing of Convolutional Neural Networks", NeurIPS 2018,
arXiv:1807.03247)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CoordConv(nn.Module):
    """One more channel per axis, the coordinate from -1 to 1, in the input of the layer's convolutions."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        axes = [torch.linspace(-1, 1, side) for side in size]
        self.register_buffer(
            "coordinates", torch.stack(torch.meshgrid(*axes, indexing="ij")), persistent=False
        )

    def extra(self) -> Tensor:
        """Return the coordinates (axes, *size)."""
        return self.get_buffer("coordinates")
