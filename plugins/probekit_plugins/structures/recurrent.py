"""A recurrent network that thinks for as long as it is told (Bansal et al., "End-to-end Algorithm Synthesis
with Recurrent Networks: Extrapolation without Overthinking", NeurIPS 2022)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.interfaces import Shape
from probekit_plugins.structures.blocks import Builder, Nonlocal, convolution


class Residual(nn.Module):
    """x + two convolutions of three positions a side with a ReLU between, and a ReLU after all."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.first = convolution(size, channels, channels, 3)
        self.second = convolution(size, channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class Recurrent(nn.Module):
    """One block, applied again and again: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    The block reads what it made last and the input, which it is shown each time ("recall"), by a convolution;
    then two residual blocks of 3 x 3 convolutions follow. Reach grows by five positions each time, and no
    weight with it. The paper's progressive loss is not part of it.
    width: channels inside. iterations: how often. more: how many times more where it is not trained.
    layer: builder (channels, size, shared) -> Module, hosted after the residual blocks.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        width: int,
        layer: Builder | None = None,
        iterations: PositiveInt = 8,
        more: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self.iterations, self.more = iterations, more
        shared: dict[str, Any] = {}
        self.stem = convolution(shape.size, shape.inputs, width, 3)
        self.recall = convolution(shape.size, width + shape.inputs, width, 3)
        self.block = nn.Sequential(Residual(width, shape.size), Residual(width, shape.size))
        self.beside = nn.Identity() if layer is None else Nonlocal(width, shape.size, layer, shared)
        self.head = nn.Sequential(
            convolution(shape.size, width, width, 3),
            nn.ReLU(),
            convolution(shape.size, width, shape.outputs, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        state = functional.relu(self.stem(x))
        for _ in range(self.iterations + (0 if self.training else self.more)):
            state = self.beside(self.block(self.recall(torch.cat([state, x], 1))))
        y: Tensor = self.head(state)
        return y
