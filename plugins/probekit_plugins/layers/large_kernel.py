"""A depthwise convolution of a large kernel (Ding et al., "Scaling Up Your Kernels to 31x31: Revisiting Large
Kernel Design in CNNs", CVPR 2022, arXiv:2203.06717)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, PositiveInt
from torch import Tensor, nn

from probekit_plugins.structures.blocks import Pointwise, build_convolution


def check_odd(kernel: int) -> int:
    """Return the side of a kernel; raises ValueError where it is even."""
    if kernel % 2 == 0:
        raise ValueError("a kernel with a position in its middle is odd")
    return kernel


class LargeKernel(nn.Module):
    """One large kernel per channel, then a linear map of channels; linear in positions.

        y_n = W sum_d k_d * x_(n + d)

    A position sees (kernel - 1) / 2 positions in each direction. The weights do not depend on the content.
    The paper's small parallel kernel, which it merges into the large one after training, is left out.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        kernel: its side in positions, odd.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        kernel: Annotated[PositiveInt, AfterValidator(check_odd)] = 31,
    ) -> None:
        super().__init__()
        self.depthwise = build_convolution(size, channels, channels, kernel, groups=channels)
        self.out_proj = Pointwise(channels, channels)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, kernel: int, **_: Any) -> str:
        """Return what the kernel amounts to on a map: a global one, where it reaches all positions."""
        if kernel < 2 * max(size) - 1:
            return ""
        return (
            f"the kernel of side {kernel} reaches every position from every other: it is as large as the map."
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out_proj(self.depthwise(x))
        return y
