"""A depthwise convolution of a large kernel (Ding et al., "Scaling Up Your Kernels to 31x31: Revisiting Large
Kernel Design in CNNs", CVPR 2022)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PositiveInt
from torch import Tensor, nn

from probekit_plugins.structures.blocks import Pointwise, convolution


def odd(value: int) -> int:
    """Refuse a kernel that has no middle."""
    if value % 2 == 0:
        raise ValueError("a kernel with a position in its middle is odd")
    return value


class LargeKernel(nn.Module):
    """A kernel a channel, then a linear map of channels: (batch, channels, *size) to the same shape.

    Linear in positions; it sees (kernel - 1) / 2 positions each way, and nothing of what they hold decides
    how they are weighed. kernel: positions a side, odd.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        kernel: Annotated[PositiveInt, AfterValidator(odd)] = 31,
    ) -> None:
        super().__init__()
        self.depthwise = convolution(size, channels, channels, kernel, groups=channels)
        self.out = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.depthwise(x))
        return y
