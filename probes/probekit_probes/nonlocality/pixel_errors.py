"""Errors over the pixels of an image: absolute, root mean square, delta 1.25 and Ord.

Source: Courtois et al. 2022, section 5.1.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS, TAU, MIN_DEPTH = 50_000, 0.03, 1e-6
SLACK = 1e-6
CHUNK = 1_000
"""Number of pairs compared at once, so that all of them stay in the processor's cache."""


def all_pixels(inputs: Tensor) -> Tensor:
    """Return a mask of all pixels, (batch, pixels) bool."""
    return torch.ones_like(inputs[:, 0], dtype=torch.bool).flatten(1)


def foreground_pixels(inputs: Tensor) -> Tensor:
    """Return a mask of the pixels that are not background, (batch, pixels) bool."""
    return (inputs != 0).any(dim=1).flatten(1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of (batch, n) values inside the mask, (batch,); NaN if the mask is empty."""
    return (values * mask).sum(1) / mask.sum(1)


def absolute_error(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean absolute error inside the mask, (batch,)."""
    return masked_mean((output - target).flatten(1).abs().double(), mask).float()


def root_mean_square_error(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the root of the mean squared error inside the mask, (batch,)."""
    return masked_mean((output - target).flatten(1).double() ** 2, mask).sqrt().float()


def delta_error(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the share of pixels more than a factor of 1.25 off, (batch,).

    4/11 to 5/11 is a factor of exactly 1.25 and does not count.
    """
    y, truth = output.flatten(1).double().clamp(min=MIN_DEPTH), target.flatten(1).double()
    return masked_mean((torch.maximum(y / truth, truth / y) > 1.25 + SLACK).double(), mask).float()


def ordinal_error(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the share of 50,000 fixed pixel pairs whose order (above, below, within 3 %) is wrong, (batch,).

    Args:
        output: depths, (batch, 1, height, width).
        target: true depths, (batch, 1, height, width).
        mask: pixels that count, (batch, pixels) bool.
    """
    columns = [values.flatten(1).clamp(min=MIN_DEPTH).t().contiguous() for values in (output, target)]
    mask = mask.t().contiguous()  # the pairs then pick whole rows, which is fast
    wrong, counted = torch.zeros(2, len(output), dtype=torch.int64, device=output.device)
    for first, second in torch.split(draw_pairs(len(mask)).to(output.device), CHUNK, 1):
        (above, below), (truly_above, truly_below) = (
            compare_pairs(pixels, first, second) for pixels in columns
        )
        both = mask[first] & mask[second]
        wrong += (((above ^ truly_above) | (below ^ truly_below)) & both).sum(0)
        counted += both.sum(0)
    shares: Tensor = wrong.float() / counted
    return shares


def compare_pairs(pixels: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether the first pixel of each pair is 3 % above the second, and whether it is 3 % below."""
    first_depth, second_depth = pixels[first], pixels[second]
    return first_depth >= second_depth * (1 + TAU), second_depth >= first_depth * (1 + TAU)


def draw_pairs(pixels: int) -> Tensor:
    """Return the pixel pairs, (2, 50000) int64, the same for every network."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(pixels, (2, PAIRS), generator=generator)
