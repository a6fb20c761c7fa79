"""Controls lack the property of a probe; this one ignores its input and is the floor of most probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from probekit.plugin.items import Dataset, read_batch

if TYPE_CHECKING:
    from torch import Tensor

MAX_ITEMS = 1024


class Control(Protocol):
    """A closed-form solver that lacks the property; its score is a baseline of the probe."""

    def fit(self, dataset: Dataset, /) -> None:
        """Fit the control to the training split, in closed form."""
        ...

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """Answer the inputs in the form of outputs or of targets.

        Shape:
            - inputs: (batch, channels, *size)
        """
        ...


class Constant:
    """Answers with the mean target of the first 1,024 training items, the same at every position.

    It works for targets (batch, outputs, *size), numbers or one-hot classes, whose positions are those of the
    inputs, and for pooled targets (batch, outputs).
    """

    def fit(self, dataset: Dataset) -> None:
        """Compute the mean of each channel over items and positions."""
        _, targets = read_batch(dataset, range(min(MAX_ITEMS, len(dataset))))
        self.mean = targets.float().mean((0, *range(2, targets.ndim)))
        self.is_pooled = targets.ndim == 2

    def __call__(self, inputs: Tensor) -> Tensor:
        positions = () if self.is_pooled else inputs.shape[2:]
        mean = self.mean.to(inputs.device).view(1, -1, *[1] * len(positions))
        return mean.expand(len(inputs), -1, *positions)
