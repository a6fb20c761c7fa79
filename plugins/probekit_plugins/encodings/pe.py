"""The Fourier encoding under the Decor. rule of Courtois et al. 2022 (arXiv:2204.11045, section 5.2):
`Lambda + PE`."""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt

from probekit.plugin.errors import UsageError
from probekit_plugins.encodings.decor import Decor


class PE(Decor):
    """The Decor. rule with regular frequencies w; P has C channels per axis.

        w_c = 2 pi c / (2 C) for c = 1, ..., C/2

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        keys: number of keys in each head.
        heads: number of heads of the layer.
        frequencies: how many, C / 2.
        bands: as in `Decor`.

    Raises:
        UsageError: the bands do not divide the frequencies.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        keys: int,
        heads: int,
        frequencies: PositiveInt = 32,
        bands: PositiveInt = 8,
    ) -> None:
        if frequencies % bands:
            raise UsageError(
                f"pe(frequencies={frequencies}, bands={bands})",
                f"{frequencies} frequencies cannot be split in {bands} equal bands",
                "Type frequencies that are a multiple of the bands, as in pe(frequencies=32, bands=8).",
            )
        steps = torch.arange(1, frequencies + 1, dtype=torch.float64)
        angular_frequencies = steps * (math.pi / (2 * frequencies))
        super().__init__(channels, size, angular_frequencies, keys=keys, heads=heads, bands=bands)
