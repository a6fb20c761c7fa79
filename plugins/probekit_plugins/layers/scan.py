"""A scan is the order in which a layer that keeps a state reads the positions of a map (in 2-D "cross" as by
Liu et al., "VMamba: Visual State Space Model", NeurIPS 2024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Scan = Literal["raster", "both", "cross"]


@dataclass(frozen=True, slots=True)
class Way:
    """backwards: from the last position to the first; columns: down each column, not along each row."""

    backwards: bool = False
    columns: bool = False

    def read(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Return x (batch, k, positions, ...) with positions in the order that they are read in."""
        if self.columns:
            x = x.reshape(*x.shape[:2], *size, *x.shape[3:]).transpose(2, 3).flatten(2, 3)
        return x.flip(2) if self.backwards else x

    def restore(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Return what `read` was given."""
        x = x.flip(2) if self.backwards else x
        if not self.columns:
            return x
        return x.reshape(*x.shape[:2], *size[::-1], *x.shape[3:]).transpose(2, 3).flatten(2, 3)


def ways(scan: Scan, size: tuple[int, ...], causal: bool = False) -> tuple[Way, ...]:
    """Return the ways of a scan: one in reading order; that and back; and down the columns and back.

    A causal layer reads in reading order alone; a map of one side has no columns.
    """
    if causal or scan == "raster":
        return (Way(),)
    if scan == "both" or len(size) == 1:
        return (Way(backwards=True), Way())
    return (Way(backwards=True), Way(backwards=True, columns=True), Way(columns=True), Way())


def shares(count: int, several: tuple[Way, ...]) -> list[int]:
    """Return how many of so many heads, or channels, read each way."""
    ends = [count * number // len(several) for number in range(len(several) + 1)]
    return [stop - start for start, stop in pairwise(ends)]


def scanned(
    run: Callable[..., Tensor], parts: tuple[Tensor, ...], several: tuple[Way, ...], size: tuple[int, ...]
) -> Tensor:
    """Run along each way with its share of the heads.

    run: from parts (batch, heads, positions, ...) to (batch, heads, positions, ...), a position of what comes
    up to it; it is called once, with each head's positions in the order that the head reads them.
    """
    if several == (Way(),):
        return run(*parts)
    heads = shares(parts[0].shape[1], several)
    given = (
        torch.cat(
            [
                way.read(some, size)
                for way, some in zip(several, torch.split_with_sizes(part, heads, 1), strict=True)
            ],
            1,
        )
        for part in parts
    )
    found = torch.split_with_sizes(run(*given), heads, 1)
    return torch.cat([way.restore(some, size) for way, some in zip(several, found, strict=True)], 1)
