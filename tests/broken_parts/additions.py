"""Metrics, scales and controls of recall: some keep every promise, and each of the others breaks one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from probekit import Constant, Metric, Probe, Scale, Shape
from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch
from probekit.plugin.masked import exact_match, masked_accuracy

Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def half_right(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    accuracy = masked_accuracy(output, target, inputs)
    return (accuracy >= 0.5).float().where(~accuracy.isnan(), accuracy)


def make(score: Score, name: str = "half", **changes: Any) -> Metric:
    fields = {"better": "higher", "perfect": 1.0, "bounds": (0.0, 1.0), **changes}
    return Metric(name, score=score, about="at least half of the queries are right", **fields)


def make_half(probe: Probe, *, share: float = 0.5) -> Metric:
    return make(half_right)


def make_error(probe: Probe) -> Metric:
    return make(lambda *parts: 1 - exact_match(*parts), better="lower", perfect=0.0)


def make_upside(probe: Probe) -> Metric:
    return make(half_right, better="lower")


def make_sure(probe: Probe) -> Metric:
    """Score how sure an output is, whatever the target."""
    return make(lambda output, target, inputs: output.flatten(1).amax(1), bounds=(None, None))


def make_mean(probe: Probe) -> Metric:
    return make(lambda *parts: half_right(*parts).nanmean().expand(len(parts[0])))


def make_imperfect(probe: Probe) -> Metric:
    return make(half_right, perfect=100.0, bounds=(0.0, 100.0))


def make_outside(probe: Probe) -> Metric:
    return make(half_right, perfect=2.0)


def make_twin(probe: Probe) -> Metric:
    return make(half_right, "exact")


def make_gap(probe: Probe) -> Metric:
    return make(half_right, gap="gap")


def make_infinite(probe: Probe) -> Metric:
    """Score the negative logarithm of the probability of right answers, which may be zero."""

    def score(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        right = (output.exp() * target).sum(1) / output.exp().sum(1)
        return (masked_accuracy(output, target, inputs) == 1).float() + right.log().amin(1).clamp(max=0)

    return make(lambda *parts: score(*parts).where(exact_match(*parts) == 0, 1.0), bounds=(None, 1.0))


def make_hiding(probe: Probe) -> Metric:
    """Leave out the items that are answered wrongly."""
    return make(lambda *parts: exact_match(*parts).where(masked_accuracy(*parts) > 0, float("nan")))


def make_noisy(probe: Probe) -> Metric:
    return make(lambda *parts: half_right(*parts) * (1 - 1e-7 * torch.rand(len(parts[0]))))


def make_changing(probe: Probe) -> Metric:
    return make(lambda output, target, inputs: half_right(output, target, inputs.mul_(2)))


def make_small(probe: Any) -> Metric:
    """Work with the eight values of the scale smoke only."""
    weights = torch.ones(8, 1)
    return make(lambda output, target, inputs: half_right(output * weights, target, inputs))


def make_nothing(probe: Probe) -> None:
    return None


SIZES: dict[str, Any] = {"pairs": 4, "keys": 16, "values": 16, "train": 256, "validation": 64, "test": 64}


def scale(about: str = "seconds", width: int | None = 8, **changes: Any) -> Scale:
    recipe = changes.pop("recipe", {"epochs": 2})
    budget, noise = changes.pop("budget", None), changes.pop("noise", {})
    decides = changes.pop("decides", False)
    return Scale(about, {**SIZES, **changes}, recipe, width, budget, noise, decides=decides)


def make_some(**_: Any) -> Scale:
    return scale()


def make_typo() -> Scale:
    return scale(pears=3)


def make_text() -> Scale:
    return scale(pairs="many")


def make_crowded() -> Scale:
    return scale(pairs=16)


def make_recipe() -> Scale:
    return scale(recipe={"epoch": 2})


def make_both() -> Scale:
    return scale(budget=100)


def make_one() -> Scale:
    return scale(test=1)


def make_deciding() -> Scale:
    return scale(decides=True)


def make_huge() -> Scale:
    return scale(train=10**13)


def make_wide() -> Scale:
    return scale(width=10**10)


def make_few() -> Scale:
    """Have so few keys and values that splits share sequences."""
    return scale(pairs=2, keys=8, values=2, train=4096, test=1024)


def make_diverging() -> Scale:
    return scale(recipe={"lr": 1e30, "clip": 1e30, "epochs": 1})


def make_parameters() -> dict[str, int]:
    return {"pairs": 4}


class MeanTarget(Constant):
    """Answer with the mean target."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe


def make_local(probe: Probe) -> Callable[..., nn.Module]:
    """Return a builder of a network that sees one position."""

    def build(shape: Shape, *, width: int) -> nn.Module:
        return nn.Sequential(nn.Conv1d(shape.inputs, width, 1), nn.Conv1d(width, shape.outputs, 1))

    return build


class Peeking(MeanTarget):
    """Fit on the test split."""

    def fit(self, dataset: Dataset) -> None:
        super().fit(self.probe.data("test", 0))


class Early(MeanTarget):
    """Look at the test split when it is made."""

    def __init__(self, probe: Probe) -> None:
        self.inputs, _ = read_batch(probe.data("test", 0), range(4))


class Guessing(MeanTarget):
    """Draw from the global generator."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return torch.rand_like(super().__call__(inputs))


class Batchwise(MeanTarget):
    """Answer with the first token of the batch."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return super().__call__(inputs) + inputs[0, :, 0].argmax()


class Flat(MeanTarget):
    """Answer with one number per item."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return super().__call__(inputs)[:, 0, 0]


class Knowing(MeanTarget):
    """Have the property."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.probe.oracle(inputs)


class Undefined(MeanTarget):
    """Divide by zero."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return super().__call__(inputs) / 0


class Eight(MeanTarget):
    """Work with eight values only."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return super().__call__(inputs) + torch.zeros(8, 1)


def make_network(probe: Probe) -> nn.Module:
    return make_local(probe)(probe.shape, width=4)


def make_listed(probe: Probe) -> Callable[..., Any]:
    return lambda shape, *, width: [width]
