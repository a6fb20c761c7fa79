"""A small probe of the kit's own, so that checks do not depend on which probes are installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from probekit.plugin.controls import Constant, Control
from probekit.plugin.declarations import Metric, Scale, Shape
from probekit.plugin.interfaces import Dataset, Split
from probekit.plugin.probe import Probe

if TYPE_CHECKING:
    from torch import Tensor

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class ShiftDataset:
    """Random items whose targets are the first channels of the input, moved by one position.

    Args:
        shape: The shape of inputs and outputs; at most as many outputs as inputs.
        count: The number of items.
        seed: The seed of all items.
    """

    def __init__(self, shape: Shape, count: int, seed: int) -> None:
        self.shape, self.count, self.seed = shape, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        inputs = torch.randn(self.count, self.shape.inputs, *self.shape.size, generator=generator)
        targets = shift_channels(inputs, self.shape.outputs)
        return [(inputs[index], targets[index]) for index in indices]


class ShiftProbe(Probe):
    """Does a network move its input by one position?

    Args:
        shape: The shape of inputs and outputs; at most as many outputs as inputs.
        structure: The structure that hosts a layer.
        count: The number of items of each split.
    """

    property, version = "shift", 1
    scales: Mapping[str, Scale] = {"smoke": Scale("seconds", {}, {}, width=4)}

    def __init__(self, shape: Shape, structure: str = "plain", count: int = 64) -> None:
        self.shape, self.structure, self.count = shape, structure, count
        self.metrics = (Metric("error", "lower", 0.0, squared_error, "Mean squared error"),)

    def data(self, split: Split, seed: int) -> Dataset:
        """Return a split; the seed changes the training split."""
        own_seed = SPLITS.index(split) if split != "train" else len(SPLITS) + seed
        return ShiftDataset(self.shape, self.count, own_seed)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean squared error."""
        return (output - target).square().mean()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the moved input."""
        return shift_channels(inputs, self.shape.outputs)

    def controls(self) -> Mapping[str, Control]:
        """Return the constant answer."""
        return {"constant": Constant()}


def shift_channels(inputs: Tensor, outputs: int) -> Tensor:
    """Return the first channels of the inputs, moved by one position along the last axis."""
    return inputs[:, :outputs].roll(1, -1)


def squared_error(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the mean squared error of each item, (batch,)."""
    return (output - target).square().flatten(1).mean(1)
