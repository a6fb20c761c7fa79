"""Probes whose metric, loss or data are wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from broken_parts.probes import Probe, bits, share
from probekit import Constant, Items, Metric, Scale


class OwnMetric(Probe):
    """Its metric is `score`, of which higher is better."""

    better: Any = "higher"
    score: Callable[..., Tensor] = staticmethod(share)

    def __init__(self) -> None:
        super().__init__()
        self.metrics = (Metric("share", self.better, 1.0, self.score, "agreements told"),)


class Upside(OwnMetric):
    better = "lower"


class Blind(OwnMetric):
    score = staticmethod(lambda output, target, inputs: torch.ones(len(output)))


class Neighbouring(OwnMetric):
    score = staticmethod(lambda output, target, inputs: share(output, target.roll(1, 0), inputs))


class Averaged(OwnMetric):
    @staticmethod
    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return share(output, target, inputs).mean().expand(len(output))


class Ranking(OwnMetric):
    """It scores an item by its rank in the batch."""

    @staticmethod
    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        shares = share(output, target, inputs)
        return 1 - (shares < shares.max()).float() / 2


class Relative(OwnMetric):
    @staticmethod
    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        shares = share(output, target, inputs)
        return shares / shares.max()


class Selfish(OwnMetric):
    score = staticmethod(lambda output, target, inputs: share(output, output, inputs))


class Negated(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return -super().loss(output, target)


class Flipped(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return super().loss(output, 1 - target)


class BlindLoss(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return output.square().mean()


class MovedLoss(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return super().loss(output, target.roll(1, -1))


class MixedLoss(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return super().loss(output, target.roll(1, 0))


class Detached(Probe):
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return super().loss(output.detach(), target) + 0 * output.sum()


class LateHash(Probe):
    """Its items depend on the hash of a text, at its larger scale alone."""

    scales: Mapping[str, Scale] = {
        "smoke": Scale("seconds", {"size": 32}, {}, width=4),
        "quick": Scale("seconds", {"size": 33}, {}, width=4),
    }

    def __init__(self, *, size: int = 32, train: int = 64) -> None:
        super().__init__()
        self.size = size

    def data(self, split: str, seed: int) -> Items:
        name = str(hash(split)) if self.size > 32 else split
        return Items(64, partial(bits, name, seed if split == "train" else 0))


class SeedHash(Probe):
    """The items of any seed but 0 depend on the hash of a text."""

    def data(self, split: str, seed: int) -> Items:
        seed = seed if split == "train" else 0
        return Items(64, partial(bits, split if not seed else str(hash("training")), seed))


class TestsTraining(Probe):
    """Its test items are the training items of another seed."""

    __test__ = False

    def data(self, split: str, seed: int) -> Items:
        return super().data("train", 3) if split == "test" else super().data(split, seed)


class ValidatesTraining(Probe):
    def data(self, split: str, seed: int) -> Items:
        return super().data("train", 2) if split == "validation" else super().data(split, seed)


def nearly(item: Callable[[int], tuple[Tensor, Tensor]], index: int) -> tuple[Tensor, Tensor]:
    """Return an item that nobody can tell from another."""
    inputs, target = item(index)
    return inputs + 1e-6, target


class Near(Probe):
    """Its test items are training items, up to the sixth digit."""

    def data(self, split: str, seed: int) -> Items:
        train = super().data("train", 0)
        return Items(64, partial(nearly, train.__getitem__)) if split == "test" else super().data(split, seed)


class Peeking(Probe):
    """A control is fitted on the test split."""

    def controls(self) -> Mapping[str, Any]:
        class Test(Constant):
            def fit(control, data: Any) -> None:
                super().fit(self.data("test", 0))

        return {"constant": Test()}


class PeekingSooner(Probe):
    def controls(self) -> Mapping[str, Any]:
        control = Constant()
        control.fit(self.data("test", 0))
        return {"constant": control}
