"""Ord is the share of pairs of pixels whose order is told wrongly (Courtois et al. 2022, section 5.1.1)."""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS, TAU, LEAST = 50_000, 0.03, 1e-6
SITTING = 1_000
"""Pairs that are looked at together, so that all of them stay in the processor's cache."""


def ordinal(output: Tensor, target: Tensor, among: Tensor) -> Tensor:
    """Share of 50,000 fixed pairs of pixels whose order (above, below, within 3 %) is told wrongly."""
    rows = [values.flatten(1).clamp(min=LEAST).t().contiguous() for values in (output, target)]
    among = among.t().contiguous()  # whole rows are picked: fast
    wrong, counted = torch.zeros(2, len(output), dtype=torch.int64, device=output.device)
    for first, second in torch.split(pairs(len(among)).to(output.device), SITTING, 1):
        (up, down), (truly_up, truly_down) = (order(pixels, first, second) for pixels in rows)
        both = among[first] & among[second]
        wrong += (((up ^ truly_up) | (down ^ truly_down)) & both).sum(0)
        counted += both.sum(0)
    shares: Tensor = wrong.float() / counted
    return shares


def order(pixels: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return of each pair whether the first is above the second by 3 %, and whether it is below by 3 %."""
    one, other = pixels[first], pixels[second]
    return one >= other * (1 + TAU), other >= one * (1 + TAU)


def pairs(pixels: int) -> Tensor:
    """Return the pairs, (2, 50000) int64: the same for every network."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(pixels, (2, PAIRS), generator=generator)
