"""A probe that trains in no time, for tests, and kinds of it whose metrics or data are not in order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import inf, nan
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from probekit.catalog.registry import Registry, registry
from probekit.plugin.components import Component
from probekit.plugin.controls import Constant
from probekit.plugin.interfaces import Metric, Probe, Scale, Shape, Split
from probekit.plugin.items import Items


def item(size: int, split: Split, seed: int, index: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(
        1000 * seed + index + {"train": 0, "validation": 300, "test": 600}[split]
    )
    ends = torch.randint(2, (size,), generator=draw).float()
    same = (ends[0] == ends[-1]).float()
    return torch.stack([ends, 1 - ends]), torch.stack([1 - same, same])[:, None].expand(2, size).clone()


def accuracy(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return (output.argmax(1) == target.argmax(1)).float().mean(1)


class Agree(Probe):
    """Does the first place agree with the last?"""

    property, version, structure = "agreement", 1, "unet"
    scales: ClassVar[Mapping[str, Scale]] = {"smoke": Scale("seconds", {"size": 8}, {"epochs": 1}, width=4)}

    def __init__(self, *, size: int = 16, train: int = 16) -> None:
        self.size, self.train, self.shape = size, train, Shape(2, 2, (size,))
        self.metrics = self.asked()

    def asked(self) -> tuple[Metric, ...]:
        return (Metric("accuracy", "higher", 1.0, accuracy, "told rightly", bounds=(0.0, 1.0), gap="gap"),)

    def data(self, split: Split, seed: int) -> Items:
        seed = seed if split == "train" else 0
        return Items(self.train if split == "train" else 16, partial(item, self.size, split, seed))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(output, target)

    def oracle(self, inputs: Tensor) -> Tensor:
        differ = (inputs[:, :1, :1] - inputs[:, :1, -1:]).abs()
        return torch.cat([differ, 1 - differ], 1).expand_as(inputs)

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant()}


def infinite(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    found = accuracy(output, target, inputs)
    found[:3] = inf
    return found


def huge(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return accuracy(output, target, inputs).double() * 0 + 1e308


def nowhere(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return accuracy(output, target, inputs) * nan


def partly(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    found = accuracy(output, target, inputs)
    found[::2] = nan
    return found


class Wild(Agree):
    """One whose metrics, ceiling and noise are not finite."""

    scales: ClassVar[Mapping[str, Scale]] = {
        "smoke": Scale("seconds", {"size": 8}, {"epochs": 1}, width=4, noise={"infinite": inf, "partly": nan})
    }

    def asked(self) -> tuple[Metric, ...]:
        return (
            Metric("infinite", "higher", inf, infinite, "infinite for three items"),
            Metric("huge", "lower", 0.0, huge, "too large to count with", gap="wide"),
            Metric("nowhere", "higher", 1.0, nowhere, "applies to nothing"),
            Metric("partly", "higher", 1.0, partly, "applies to every other item"),
        )

    def ceiling(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0, 0] * 0 + inf


class Changed(Agree):
    """One whose data are not what its class calls golden."""

    golden: ClassVar[Mapping[int, str]] = {1: "0" * 16}


def knowing(*probes: type) -> Registry:
    """Return a registry that knows these probes by their names."""
    return registry().with_components(
        *(Component("probe", one.__name__.lower(), one, "for a test") for one in probes)
    )


ASKED = {"structure": "unet", "trainer": "supervised", "scale": "smoke"}
