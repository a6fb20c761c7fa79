"""Asked are the positions whose target is not all zero: losses, answers and metrics that look at them alone.

A target of classes has a channel each, (batch, classes, *size) float32, one-hot where something is asked and
zero elsewhere; an output has logits in the same places. One position asked, and the answer is of the whole
item, as in classification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.interfaces import Metric

if TYPE_CHECKING:
    from torch import Tensor


def asked(target: Tensor) -> Tensor:
    """Return which positions of a target are asked for, (batch, *size) bool."""
    return target.any(1)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy over the asked positions, a scalar."""
    from torch.nn import functional

    lost = -(target * functional.log_softmax(output.float(), 1)).sum()
    return lost / asked(target).sum().clamp(min=1)


def answer(output: Tensor) -> Tensor:
    """Return the class that each position of an output says, one-hot: the target's form, everywhere."""
    from torch.nn import functional

    return functional.one_hot(output.argmax(1), output.shape[1]).movedim(-1, 1).float()


def right(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether each asked position is right, (batch, *size) float32; NaN where nothing is asked."""
    told = output.argmax(1) == target.argmax(1)
    return told.float().where(asked(target), float("nan"))


def share(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the share of an item's asked positions that are right, (batch,); NaN where it asks nothing."""
    return right(output, target, inputs).flatten(1).nanmean(1)


def whole(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether all asked positions of an item are right, (batch,) float32."""
    return (right(output, target, inputs) != 0).flatten(1).all(1).float()


def accuracy(chance: float) -> Metric:
    """Return the metric that counts positions; chance: what an answer that looks at nothing scores."""
    about = "Accuracy on the asked positions"
    return Metric("accuracy", "higher", 1.0, share, about, chance=chance, gap="gap", bounds=(0.0, 1.0))


def exact() -> Metric:
    """Return the metric that counts items of which all is right."""
    about = "Share of items of which every asked position is right"
    return Metric("exact", "higher", 1.0, whole, about, bounds=(0.0, 1.0))
