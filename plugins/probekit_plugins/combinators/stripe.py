"""Stripes of layers, as hybrids have them (Lieber et al., "Jamba: A Hybrid Transformer-Mamba Language Model",
2024, arXiv:2403.19887)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn


def choose_layer(
    channels: int, size: tuple[int, ...], layers: Sequence[Callable[..., nn.Module]], *, place: int
) -> nn.Module:
    """The places of a host get the layers in turn: the first, the second and so on, then the first again.

    Places are counted in the order in which the host builds them. In a U-Net the levels count, from the
    outer to the inner one; on its way up it has the layers of its way down. A stripe within a stripe counts
    the places that it gets. If the host has a parameter `depth` that you do not type, it is as deep as the
    stripe has layers.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        layers: builders (channels, size) -> Module.
        place: number of the place, from 0.

    Shape:
        (batch, channels, *size) to the same shape.
    """
    return layers[place % len(layers)](channels, size, place=place // len(layers))
