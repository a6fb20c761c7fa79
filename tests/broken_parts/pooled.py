"""Probes with one answer per item: a right one, and others that declare it wrongly or have a shortcut."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

import probekit
from probekit import Constant, Items, Scale, Shape
from probekit.plugin import masked


def compare_ends(split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
    draw = random.Random(f"{split} {seed} {index}")
    bits = torch.tensor([draw.getrandbits(1) for _ in range(32)])
    return torch.stack([bits, 1 - bits]).float(), torch.eye(2)[int(bits[0] == bits[-1])]


class Pooled(probekit.Probe):
    """Are the first and the last bit the same? One answer per item."""

    property, version, structure = "agreement", 1, "plain"
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    scales: Mapping[str, Scale] = {"smoke": Scale("seconds", {}, {"epochs": 2, "lr": 1e-2}, width=4)}
    solved_by = {"two positions of the item": "it compares them", "checksum of the item": "it adds them up"}

    def __init__(self) -> None:
        self.shape = Shape(2, 2, (32,), pooled=True)
        self.metrics = (masked.make_accuracy(chance=0.5),)

    def data(self, split: str, seed: int) -> Items:
        count = {"train": 512}.get(split, 64)
        return Items(count, partial(compare_ends, split, seed if split == "train" else 0))

    def oracle(self, inputs: Tensor) -> Tensor:
        return torch.eye(2)[(inputs[:, 0, 0] == inputs[:, 0, -1]).long()]

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant()}


class NotSaid(Pooled):
    """Its targets have one answer per item, and its shape does not say so."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = Shape(2, 2, (32,))


class Spread(Pooled):
    """Its shape is pooled, and its targets have an answer at each position."""

    def data(self, split: str, seed: int) -> Items:
        items = super().data(split, seed)
        return Items(len(items), lambda index: (items[index][0], items[index][1][:, None].expand(2, 32)))


class Symmetric(Pooled):
    """It declares a symmetry that is measured at positions."""

    symmetry = "shift"


class FirstBit(Pooled):
    """Its answer is the first bit, which a solver of one position finds."""

    solved_by: Mapping[str, str] = {}

    def data(self, split: str, seed: int) -> Items:
        items = super().data(split, seed)
        return Items(len(items), lambda index: (items[index][0], torch.eye(2)[int(items[index][0][0, 0])]))

    def oracle(self, inputs: Tensor) -> Tensor:
        return torch.eye(2)[inputs[:, 0, 0].long()]
