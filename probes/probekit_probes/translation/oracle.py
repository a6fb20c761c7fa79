"""The oracle of translation: a pixel is white if its window contains the white pixel of the input."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def solve_squares(images: Tensor, square: int) -> Tensor:
    """Draw the square around the white pixel of each image; the border crops it.

    Args:
        images: (batch, 1, height, width).
        square: side of the square, odd.

    Returns:
        Masks of the squares, (batch, 1, height, width).
    """
    return functional.max_pool2d(images, square, stride=1, padding=square // 2)
