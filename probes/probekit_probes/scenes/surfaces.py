"""Reads the surfaces of an image: which pixels belong to the background and to each object.

The generator reads no image with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.scenes.texture_reader import find_textures

Score = Callable[[Tensor, Tensor, Tensor], Tensor]
MAX_OBJECTS = len(PALETTE) - 1


@dataclass(frozen=True, slots=True)
class SurfaceReader:
    """Repaints images in the fixed palette, so that everything that reads nonlocality's images reads them.

    Attributes:
        is_fixed: the image has the fixed palette already.
        shades: number of colours of a surface.
    """

    is_fixed: bool
    shades: int = 1

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images in fixed colours, (batch, 3, height, width); the background becomes black."""
        if self.is_fixed:
            return images
        return paint_index(self.number_surfaces(images))

    def number_surfaces(self, images: Tensor) -> Tensor:
        """Number the surfaces in the order in which rows show them.

        The background is black in fixed colours. Otherwise it is the surface of the first pixel, since no
        object touches the frame.

        Args:
            images: float32 RGB (batch, 3, height, width).

        Returns:
            0 on the background, 1 to 10 on objects, (batch, height, width) int64.

        Raises:
            ValueError: if an image has more than ten objects.
        """
        packed = find_textures(images, self.shades) if self.shades > 1 else pack_colours(images)
        index = torch.zeros_like(packed)
        remaining = packed != (0 if self.is_fixed else packed[:, :1])
        for number in range(1, MAX_OBJECTS + 1):
            if not remaining.any():
                break
            first = remaining.int().argmax(1, keepdim=True)
            surface = remaining & (packed == packed.gather(1, first))
            index[surface] = number
            remaining &= ~surface
        if remaining.any():
            raise ValueError(f"an image has more than {MAX_OBJECTS} objects")
        return index.view(len(images), *images.shape[2:])


def pack_colours(images: Tensor) -> Tensor:
    """Return the colour of each pixel as a number, (batch, 3, height, width) -> (batch, pixels) int64."""
    pixels = (images * 255).round().long().flatten(2)
    return (pixels[:, 0] << 16) + (pixels[:, 1] << 8) + pixels[:, 2]


def paint_index(index: Tensor) -> Tensor:
    """Return images of palette indices, (batch, height, width) -> (batch, 3, height, width) float32."""
    return PALETTE.to(index.device)[index.long()].permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class RepaintedScore:
    """A score of nonlocality, on images that are repainted in the fixed palette first."""

    score: Score
    repaint: SurfaceReader

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return self.score(output, target, self.repaint(inputs))
