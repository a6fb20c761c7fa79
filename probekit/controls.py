"""A control lacks the property; this one looks at nothing, and its score is the floor of most probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.interfaces import Dataset
from probekit.items import batch

if TYPE_CHECKING:
    from torch import Tensor

MOST = 1024


class Constant:
    """Answers the mean target of the first 1,024 items at most, the same at every position.

    It serves targets (batch, outputs, *size), as numbers or as one-hot channels, where positions are those of
    the inputs.
    """

    def fit(self, dataset: Dataset) -> None:
        """Take the mean over items and positions of each channel."""
        _, targets = batch(dataset, range(min(MOST, len(dataset))))
        self.mean = targets.float().mean((0, *range(2, targets.ndim)))

    def __call__(self, inputs: Tensor) -> Tensor:
        positions = inputs.shape[2:]
        mean = self.mean.to(inputs.device).view(1, -1, *[1] * len(positions))
        return mean.expand(len(inputs), -1, *positions)
