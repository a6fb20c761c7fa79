"""Probes with items of different lengths: two right ones, and others that pad or count wrongly."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import probekit
from probekit import Constant, Items, Metric, Scale, Shape
from probekit.plugin import masked
from probekit.plugin.items import pad_item

SIZE = 24


def draw_bits(split: str, seed: int, index: int) -> Tensor:
    draw = random.Random(f"{split} {seed} {index}")
    return torch.tensor([draw.getrandbits(1) for _ in range(draw.randrange(14, SIZE + 1))])


def compare_each(split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
    bits = draw_bits(split, seed, index)
    target = functional.one_hot((bits == bits[0]).long(), 2).T.float()
    return pad_item(torch.stack([bits, 1 - bits]).float(), target, (SIZE,))


def compare_ends(split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
    bits = draw_bits(split, seed, index)
    return pad_item(torch.stack([bits, 1 - bits]).float(), torch.eye(2)[int(bits[0] == bits[-1])], (SIZE,))


class Each(probekit.Probe):
    """Is each bit equal to the first?"""

    property, version, structure = "agreement", 1, "plain"
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    scales: Mapping[str, Scale] = {"smoke": Scale("seconds", {}, {"epochs": 2, "lr": 1e-2}, width=4)}

    def __init__(self) -> None:
        self.shape = Shape(3, 2, (SIZE,), padded=True)
        self.metrics: tuple[Metric, ...] = (masked.make_accuracy(chance=0.5),)

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        return compare_each(split, seed, index)

    def data(self, split: str, seed: int) -> Items:
        count = {"train": 512}.get(split, 64)
        return Items(count, partial(self.item, split, seed if split == "train" else 0))

    def oracle(self, inputs: Tensor) -> Tensor:
        same = inputs[:, :2] * inputs[:, :2, :1]
        equal = same.sum(1, keepdim=True) * inputs[:, 2:]
        return torch.cat([inputs[:, 2:] - equal, equal], 1)

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant()}


class Ends(Each):
    """Are the first and the last bit the same? One answer per item."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = Shape(3, 2, (SIZE,), pooled=True, padded=True)

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        return compare_ends(split, seed, index)

    def oracle(self, inputs: Tensor) -> Tensor:
        last = inputs[:, 2].sum(1).long() - 1
        bits = inputs[:, 0]
        return torch.eye(2)[(bits[:, 0] == bits[torch.arange(len(bits)), last]).long()]


class Unmarked(Ends):
    """Its last channel is the second bit."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return inputs.roll(1, 0), target


class Inverse(Ends):
    """Its mask is 1 in the padding."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return torch.cat([inputs[:2], 1 - inputs[2:]]), target


class LeftPadded(Ends):
    """Its padding comes first."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return inputs.flip(1), target


class Countdown(Ends):
    """Its mask is the share of positions that are left."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return torch.cat([inputs[:2], inputs[2:].flip(1).cumsum(1).flip(1) / SIZE]), target


class Full(Ends):
    """Its items are all as long as its shape."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return torch.cat([inputs[:2], torch.ones(1, SIZE)]), target


class Moved(Ends):
    """It declares a symmetry that moves items into the padding."""

    symmetry = "permutation"


class Unclean(Ends):
    """Its padding has bits."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return torch.cat([inputs[:1].where(inputs[2:] == 1, 1), inputs[1:]]), target


class Answering(Each):
    """Its targets have answers in the padding."""

    def item(self, split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().item(split, seed, index)
        return inputs, torch.cat([target[:1] + 1 - inputs[2:], target[1:]])


class CountingLoss(Each):
    """Its loss wants small outputs in the padding, too."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        return (output - target).square().mean()


def share_of_all(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the share of right channels at all positions."""
    return ((output > 0.5) == (target > 0.5)).float().mean((1, 2))


class CountingMetric(Each):
    """Its metric counts positions in the padding."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics = (Metric("share", "higher", 1.0, share_of_all, "right channels"),)
