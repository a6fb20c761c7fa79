"""Finds the textures of an image by their parameters: the first shade and the step of each ramp of shades.

It shares no code with the generator: it looks for all colours at equal steps on a line in RGB.
"""

from __future__ import annotations

import torch
from torch import Tensor

FIELD = 10
"""Bits of a channel in a packed colour, so that no sum of colours carries over."""
IMAGES = 256
"""Images that are read at a time, because of memory."""


def find_textures(images: Tensor, shades: int = 4) -> Tensor:
    """Name the texture of each pixel, by the smallest packed colour of its ramp.

    Args:
        images: float32 RGB (batch, 3, height, width).
        shades: number of colours of a ramp.

    Returns:
        (batch, height * width) int64.

    Raises:
        ValueError: if a colour belongs to no ramp, or to more than one.
    """
    names, numbers = zip(*(group_colours(part, shades) for part in torch.split(images, IMAGES)), strict=True)
    if any(bool((part != 1).any()) for part in numbers):
        raise ValueError("an image has a colour that does not belong to exactly one texture")
    return torch.cat(names)


def group_colours(images: Tensor, shades: int) -> tuple[Tensor, Tensor]:
    """Return the texture of each pixel, and how many textures have its colour, (batch, pixels) each."""
    levels = (images * 255).round().long().flatten(2)
    packed = (levels[:, 0] << 2 * FIELD) + (levels[:, 1] << FIELD) + levels[:, 2]
    ordered, order = packed.sort(1)
    is_new = torch.ones_like(ordered, dtype=torch.bool)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ordered_rank = is_new.long().cumsum(1) - 1
    rank = torch.zeros_like(ordered_rank).scatter_(1, order, ordered_rank)
    size = int(ordered_rank.max()) + 1
    missing = 1 << 3 * FIELD  # greater than every colour
    spread = torch.arange(size, device=images.device) * missing * 4 + missing
    colours = spread.expand(len(images), -1).clone().scatter_(1, ordered_rank, ordered)
    steps = torch.arange(size, device=images.device)
    starts, strides = colours[:, :, None], colours[:, None] - colours[:, :, None]
    is_pair = (steps[:, None] != steps) & (colours[:, None] < missing) & (starts < missing)
    image, first, second = is_pair.nonzero(as_tuple=True)
    members = torch.stack([first, second])
    for number in range(2, shades):
        next_colours = colours[image, members[0]] + number * strides[image, members[0], members[1]]
        following = look_up(colours, image, next_colours)
        is_listed = following < size
        members = torch.cat([members, following[None]])[:, is_listed]
        image = image[is_listed]
    names = torch.full((len(images), size), missing, device=images.device)
    counts = torch.zeros(len(images), size, dtype=torch.long, device=images.device)
    smallest = colours[image[None].expand(shades, -1), members].amin(0)
    for member in members:
        flat = image * size + member
        names.view(-1).scatter_reduce_(0, flat, smallest, "amin")
        counts.view(-1).scatter_add_(0, flat, torch.ones_like(flat))
    # Each ramp is met twice, from either end.
    return names.gather(1, rank), counts.gather(1, rank) // 2


def look_up(colours: Tensor, image: Tensor, values: Tensor) -> Tensor:
    """Return the index of each value among the ascending colours of its image, or their number if missing."""
    size = colours.shape[1]
    span = int(colours.max()) + 1 << 1
    flat = (colours + torch.arange(len(colours), device=colours.device)[:, None] * span).flatten()
    wanted = values + image * span
    index = torch.searchsorted(flat, wanted).clamp(max=len(flat) - 1)
    is_listed = (flat[index] == wanted) & (values >= 0)
    return torch.where(is_listed, index - image * size, size)
