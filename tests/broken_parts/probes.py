"""Probes: one that keeps every promise, and each of the others breaks one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

import probekit
from probekit import Constant, Items, Metric, Scale, Shape
from probekit.plugin.axis import Axis


def bits(split: str, seed: int, index: int) -> tuple[Tensor, Tensor]:
    draw = random.Random(f"{split} {seed} {index}")
    inputs = torch.tensor([[draw.getrandbits(1) for _ in range(32)] for _ in range(2)]).float()
    return inputs, (inputs[:1] == inputs[1:]).float()


def zeros(shape: Shape, *, width: int) -> nn.Module:
    return nn.Conv1d(shape.inputs, shape.outputs, 1)


def share(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return ((output > 0.5) == (target > 0.5)).float().mean((1, 2))


class Probe(probekit.Probe):
    """A probe that keeps every promise: tell where two rows of bits agree."""

    property, version, structure = "agreement", 1, "plain"
    golden: Mapping[int, str] = {1: "6329e4da798b4ac4"}
    scales: Mapping[str, Scale] = {"quick": Scale("seconds", {}, {}, width=4)}
    chance, perfect = 0.5, 1.0
    solved_by = {"window *": "the rows agree position by position"}

    def __init__(self, *, train: int = 64) -> None:
        self.shape = Shape(2, 1, (32,))
        self.metrics = (
            Metric("share", "higher", self.perfect, share, "agreements told", chance=self.chance),
        )

    def data(self, split: str, seed: int) -> Items:
        return Items(64, partial(bits, split, seed if split == "train" else 0))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean()

    def oracle(self, inputs: Tensor) -> Tensor:
        return 1 - (inputs[:, :1] - inputs[:, 1:]).abs()

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant(), "pointwise": zeros}


class Twofold(Probe):
    scales: Mapping[str, Scale] = {"quick": Scale("seconds", {}, {}, width=4, budget=100)}


class Solved(Probe):
    """It names no solver, though a window of one position solves it."""

    solved_by: dict[str, str] = {}


class Captured(Probe):
    def data(self, split: str, seed: int) -> Items:
        draw = random.Random(f"{split} {seed if split == 'train' else 0}")
        return Items(64, lambda index: bits(split, 0, draw.getrandbits(20)))


class HashDrawn(Probe):
    """Its items are drawn from the hash of a text, another in each process."""

    def data(self, split: str, seed: int) -> Items:
        return Items(64, partial(bits, str(hash(split)), seed if split == "train" else 0))


class Still(Probe):
    def data(self, split: str, seed: int) -> Items:
        return super().data(split, 0)


class Leaking(Probe):
    def data(self, split: str, seed: int) -> Items:
        return super().data("train" if split == "train" else "test", seed)


class Repeating(Probe):
    def data(self, split: str, seed: int) -> Items:
        seed = seed if split == "train" else 0
        return Items(64, lambda index: bits(split, seed, index % 9))


class Wrong(Probe):
    def oracle(self, inputs: Tensor) -> Tensor:
        return super().oracle(inputs).round().flip(2)


class Unreached(Probe):
    perfect = 2.0


class Sure(Probe):
    chance = 0.9


class Torn(Probe):
    def data(self, split: str, seed: int) -> Items:
        return Items(64, lambda index: (torch.zeros(2, 32), bits(split, seed, index)[1]))


class Beyond(Probe):
    def __init__(self) -> None:
        super().__init__()
        self.metrics = (Metric("share", "higher", 1.0, share, "agreements told", bounds=(0.0, 0.9)),)


class Undrawn(Probe):
    """Its inputs are said to be what matplotlib cannot draw."""

    def data(self, split: Any, seed: int) -> Any:
        return Items(8, lambda index: (torch.zeros(2, 0), torch.zeros(1, 0)))


class Unreachable(Probe):
    axis = Axis(
        "length",
        "positions",
        "",
        lambda inputs, targets: torch.zeros(len(inputs)),
        lambda output, target, inputs: torch.zeros(len(inputs)),
        "higher",
        (1.0, 2.0),
    )


class Bare(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square()


class Telling(Probe):
    def controls(self) -> Mapping[str, Any]:
        class Oracle(Constant):
            def __call__(self, inputs: Tensor) -> Tensor:
                return (inputs[:, :1] == inputs[:, 1:]).float()

        return {"constant": Constant(), "a shortcut": Oracle()}


class Changed(Probe):
    def data(self, split: str, seed: int) -> Items:
        return Items(64, partial(bits, f"{split} anew", seed if split == "train" else 0))


class Halved(Probe):
    def __init__(self, *, size: Annotated[int, Field(ge=0)] = 4) -> None:
        super().__init__()
        self.share = 1 / size
