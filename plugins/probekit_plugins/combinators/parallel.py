"""Layers next to each other, as hybrids have heads of attention and of a state space next to each other (Dong
et al., "Hymba: A Hybrid-head Architecture for Small Language Models", ICLR 2025, arXiv:2411.13676)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd, lcm

import torch
from torch import Tensor, nn

from probekit.plugin.errors import UsageError


class Parallel(nn.Module):
    """Each layer reads its share of the channels; the outputs are joined in the same order.

    Nothing moves between the shares: that is up to the host, as its bottleneck does. Hymba's heads read all
    channels, and their outputs are averaged.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        layers: builders (channels, size) -> Module.
        shares: a positive number for each layer, joined by hyphens: `shares=3-1` gives the first layer three
            quarters. By default all shares are equal.

    Shape:
        (batch, channels, *size) to the same shape.

    Raises:
        UsageError: the shares are not one positive number for each layer.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        layers: Sequence[Callable[..., nn.Module]],
        *,
        shares: str = "equal",
    ) -> None:
        super().__init__()
        numbers = parse_shares(shares, len(layers))
        self.widths = [channels * number // sum(numbers) for number in numbers]
        self.layers = nn.ModuleList(
            layer(width, size) for layer, width in zip(layers, self.widths, strict=True)
        )

    @staticmethod
    def width_step(steps: Sequence[int], *, shares: str) -> int:
        """Return the number that the width must be a multiple of, so that each share fits its layer."""
        numbers = parse_shares(shares, len(steps))
        total = sum(numbers)
        return lcm(
            *(total * step // gcd(total * step, number) for number, step in zip(numbers, steps, strict=True))
        )

    def extra(self) -> Tensor | None:
        """Return the channels that encodings append, (e, *size); None if there are none."""
        extras = [getattr(layer, "extra", lambda: None)() for layer in self.layers]
        appended = [extra for extra in extras if extra is not None]
        return torch.cat(appended) if appended else None

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split_with_sizes(x, self.widths, 1)
        return torch.cat([layer(part) for layer, part in zip(self.layers, parts, strict=True)], 1)


def parse_shares(shares: str, count: int) -> list[int]:
    """Return the numbers of `3-1`, and ones for `equal`.

    Raises:
        UsageError: they are not `count` positive numbers.
    """
    texts = ["1"] * count if shares == "equal" else shares.split("-")
    if len(texts) != count or not all(text.isdecimal() and int(text) for text in texts):
        example = "-".join(["2", *["1"] * (count - 1)])
        problem = f"it is not {count} positive numbers joined by hyphens, one for each layer"
        raise UsageError(f"parallel with shares={shares}", problem, f"Type shares={example} or shares=equal.")
    return [int(text) for text in texts]
