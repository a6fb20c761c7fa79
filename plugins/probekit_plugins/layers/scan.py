"""A scan is the order in which a layer with a state reads the positions of a map (in 2-D "cross" as by Liu et
al., "VMamba: Visual State Space Model", NeurIPS 2024, arXiv:2401.10166)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Scan = Literal["raster", "both", "cross"]


@dataclass(frozen=True, slots=True)
class ScanDirection:
    """One direction of reading.

    Attributes:
        backwards: from the last position to the first.
        columns: down each column instead of along each row.
    """

    backwards: bool = False
    columns: bool = False

    def reorder(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Return x (batch, k, positions, ...) with positions in the order of this direction."""
        if self.columns:
            x = x.reshape(*x.shape[:2], *size, *x.shape[3:]).transpose(2, 3).flatten(2, 3)
        return x.flip(2) if self.backwards else x

    def restore_order(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Undo `reorder`."""
        x = x.flip(2) if self.backwards else x
        if not self.columns:
            return x
        return x.reshape(*x.shape[:2], *size[::-1], *x.shape[3:]).transpose(2, 3).flatten(2, 3)


def scan_directions(scan: Scan, size: tuple[int, ...], causal: bool = False) -> tuple[ScanDirection, ...]:
    """Return the directions of a scan.

    Args:
        scan: "raster", reading order; "both", that and backwards; "cross", also down the columns and back.
            A 1-D map has no columns.
        size: of the map, (length,) or (height, width).
        causal: reading order only, whatever the scan.
    """
    if causal or scan == "raster":
        return (ScanDirection(),)
    if scan == "both" or len(size) == 1:
        return (ScanDirection(backwards=True), ScanDirection())
    return (
        ScanDirection(backwards=True),
        ScanDirection(backwards=True, columns=True),
        ScanDirection(columns=True),
        ScanDirection(),
    )


def split_evenly(count: int, directions: tuple[ScanDirection, ...]) -> list[int]:
    """Return how many of `count` heads, or channels, read in each direction."""
    ends = [count * number // len(directions) for number in range(len(directions) + 1)]
    return [stop - start for start, stop in pairwise(ends)]


def apply_scan(
    function: Callable[..., Tensor],
    parts: tuple[Tensor, ...],
    directions: tuple[ScanDirection, ...],
    size: tuple[int, ...],
) -> Tensor:
    """Apply a causal function in each direction to its share of the heads.

    Args:
        function: from parts to (batch, heads, positions, ...). It is called once, with each head's positions
            in the order of the head's direction.
        parts: (batch, heads, positions, ...) each.
        directions: from `scan_directions`.
        size: of the map, (length,) or (height, width).

    Returns:
        What the function returns, with positions in reading order.
    """
    if directions == (ScanDirection(),):
        return function(*parts)
    heads = split_evenly(parts[0].shape[1], directions)
    ordered = (
        torch.cat(
            [
                direction.reorder(share, size)
                for direction, share in zip(directions, torch.split_with_sizes(part, heads, 1), strict=True)
            ],
            1,
        )
        for part in parts
    )
    outputs = torch.split_with_sizes(function(*ordered), heads, 1)
    return torch.cat(
        [direction.restore_order(share, size) for direction, share in zip(directions, outputs, strict=True)],
        1,
    )
