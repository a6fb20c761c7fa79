"""Losses, answers and metrics over masked positions: those whose target is not all zero.

A target of classes is a float32 tensor (batch, classes, *size), one-hot where an answer counts and zero
elsewhere. An output has the same shape and holds logits. A probe that classifies whole items has targets
(batch, classes) and says `Shape(..., pooled=True)`, or masks one position per item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Metric

if TYPE_CHECKING:
    from torch import Tensor


def query_mask(target: Tensor) -> Tensor:
    """Return the query mask of a target: True where an answer counts, (batch, *size) bool."""
    return target.any(1)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy over the masked positions, a scalar."""
    from torch.nn import functional

    total = -(target * functional.log_softmax(output.float(), 1)).sum()
    return total / query_mask(target).sum().clamp(min=1)


def predict_classes(output: Tensor) -> Tensor:
    """Return the predicted class at every position, one-hot as in a target."""
    from torch.nn import functional

    return functional.one_hot(output.argmax(1), output.shape[1]).movedim(-1, 1).float()


def is_correct(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return 1 where a masked position is correct and 0 where it is wrong, (batch, *size) float32.

    The other positions are NaN. It can be the `score` of an `Axis` over positions.
    """
    matches = output.argmax(1) == target.argmax(1)
    return matches.float().where(query_mask(target), float("nan"))


def masked_accuracy(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the accuracy over the masked positions of each item, (batch,); NaN for an item without any."""
    return is_correct(output, target, inputs).reshape(len(output), -1).nanmean(1)


def exact_match(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return 1 for each item whose masked positions are all correct, else 0; NaN for an item without any.

    Shape:
        - Output: (batch,), float32
    """
    all_correct = (is_correct(output, target, inputs) != 0).reshape(len(output), -1).all(1).float()
    return all_correct.where(target.flatten(1).any(1), float("nan"))


def make_accuracy(chance: float) -> Metric:
    """Return the metric `accuracy`, the share of correct masked positions.

    Args:
        chance: the accuracy of guessing without looking at the input.
    """
    about = "Accuracy on the masked positions"
    return Metric(
        "accuracy", "higher", 1.0, masked_accuracy, about, chance=chance, gap="gap", bounds=(0.0, 1.0)
    )


def make_exact_match() -> Metric:
    """Return the metric `exact`, the share of items whose masked positions are all correct."""
    about = "Share of items whose masked positions are all correct"
    return Metric("exact", "higher", 1.0, exact_match, about, bounds=(0.0, 1.0))
