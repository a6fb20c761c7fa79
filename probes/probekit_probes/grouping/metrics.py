"""The metric of codes: accuracy on the masked positions (Courtois et al. 2022, section 5.3)."""

from __future__ import annotations

from torch import Tensor

from probekit.interfaces import Metric


def masked(inputs: Tensor) -> Tensor:
    """Tell which positions show no code, (batch, size) bool, from inputs (batch, 3 + classes, size)."""
    return (inputs[:, 3:] == 0).all(1)


def masked_accuracy(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Share of the masked positions whose code is told; NaN where an item masks none."""
    among = masked(inputs)
    right = (output.argmax(1) == target.argmax(1)) & among
    return right.sum(1) / among.sum(1)


def accuracy(classes: int) -> Metric:
    """Return the metric for so many classes of codes, whose chance is one in as many."""
    about = "Accuracy on the masked positions"
    return Metric(
        "accuracy",
        "higher",
        1.0,
        masked_accuracy,
        about,
        chance=1 / classes,
        gap="gap",
        bounds=(0.0, 1.0),
    )
