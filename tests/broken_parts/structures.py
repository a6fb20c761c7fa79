"""A structure and an encoding that keep every promise, and others that break one each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from probekit import Shape


class Encoding(nn.Module):
    """An encoding that keeps every promise."""

    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(channels, *size))

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x + self.table, x + self.table, x + self.table


class Silent(Encoding):
    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, x, x


class Hookless(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...], *, keys: int, heads: int) -> None:
        super().__init__()


class Structure(nn.Module):
    """A structure that keeps every promise."""

    def __init__(self, shape: Shape, *, width: int, layer: Callable[..., nn.Module] | None = None) -> None:
        super().__init__()
        inside = self.inside(width)
        convolution = nn.Conv1d if len(shape.size) == 1 else nn.Conv2d
        self.first = convolution(shape.inputs, inside, 1)
        self.hosted = nn.Identity() if layer is None else self.host(layer(inside, shape.size, {}))
        self.last = convolution(inside, shape.outputs, 1)

    def inside(self, width: int) -> int:
        return width

    def host(self, layer: nn.Module) -> nn.Module:
        return layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.hosted(self.first(x)))
        return y


class Lonely(Structure):
    def host(self, layer: nn.Module) -> nn.Module:
        return nn.Identity()


class Rigid(Structure):
    def inside(self, width: int) -> int:
        return 8


class Gated(nn.Module):
    """A combinator that keeps its promises."""

    def __init__(self, channels: int, size: tuple[int, ...], layers: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer(channels, size) for layer in layers)
        self.gate = nn.Linear(channels, len(layers))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x.movedim(1, -1)).softmax(-1).movedim(-1, 1)
        return sum((weights[:, [n]] * layer(x) for n, layer in enumerate(self.layers)), start=x)


class FirstOnly(Gated):
    def __init__(self, channels: int, size: tuple[int, ...], layers: Any) -> None:
        super().__init__(channels, size, layers[:1])
