"""A recurrent network with a chosen number of iterations (Bansal et al., "End-to-end Algorithm Synthesis with
Recurrent Networks: Extrapolation without Overthinking", NeurIPS 2022)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.blocks import Builder, Nonlocal, build_convolution


class Residual(nn.Module):
    """x + two convolutions of side 3 with a ReLU between, and a ReLU after all."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = build_convolution(size, channels, channels, 3)
        self.conv2 = build_convolution(size, channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.conv2(functional.relu(self.conv1(x))))


class Recurrent(nn.Module):
    """One block, applied repeatedly.

    A convolution of the block's last output and of the input ("recall") comes first; two residual blocks of
    3 x 3 convolutions follow. Reach grows by five positions per iteration, the number of weights does not.
    The paper's progressive loss is not part of it.

    Args:
        shape: channels and size of inputs and outputs.
        width: channels inside.
        layer: builder (channels, size, shared) -> Module, hosted after the residual blocks.
        iterations: how often the block is applied.
        more: how many times more in evaluation.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.
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
        self.stem = build_convolution(shape.size, shape.inputs, width, 3)
        self.recall = build_convolution(shape.size, width + shape.inputs, width, 3)
        self.block = nn.Sequential(Residual(width, shape.size), Residual(width, shape.size))
        self.nonlocal_block = nn.Identity() if layer is None else Nonlocal(width, shape.size, layer, shared)
        self.head = nn.Sequential(
            build_convolution(shape.size, width, width, 3),
            nn.ReLU(),
            build_convolution(shape.size, width, shape.outputs, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        state = functional.relu(self.stem(x))
        for _ in range(self.iterations + (0 if self.training else self.more)):
            state = self.nonlocal_block(self.block(self.recall(torch.cat([state, x], 1))))
        y: Tensor = self.head(state)
        return y
