"""The metric of codes: accuracy on the masked positions (Courtois et al. 2022, section 5.3)."""

from __future__ import annotations

from torch import Tensor

from probekit.axis import Axis
from probekit.interfaces import Metric


def masked(inputs: Tensor) -> Tensor:
    """Tell which positions show no code, (batch, size) bool, from inputs (batch, 3 + classes, size)."""
    return (inputs[:, 3:] == 0).all(1)


def masked_accuracy(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Share of the masked positions whose code is told; NaN where an item masks none."""
    among = masked(inputs)
    right = (output.argmax(1) == target.argmax(1)) & among
    return right.sum(1) / among.sum(1)


def right(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether each masked position is right, (batch, size) float32; NaN where a code is shown."""
    told = (output.argmax(1) == target.argmax(1)).float()
    return told.where(masked(inputs), float("nan"))


def shown(inputs: Tensor, targets: Tensor) -> Tensor:
    """Return how many positions show the code of each position's colour, (batch, size) float32."""
    colours = inputs[:, :3].mT.contiguous()
    alike = (colours[:, :, None] == colours[:, None, :]).all(3)
    return (alike & ~masked(inputs)[:, None, :]).sum(2).float()


SHOWN = Axis(
    "shown",
    "codes",
    "Accuracy on the masked positions, by how many positions show the code of their colour",
    shown,
    right,
    "higher",
    (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48),
    (0.0, 1.0),
)


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
