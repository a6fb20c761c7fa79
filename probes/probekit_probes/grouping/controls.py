"""Controls of grouping: solvers that link no position to another of its colour; they set the floor."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Dataset, Shape


class BagOfCodes:
    """Answers with the code that the item shows most often: the best solver that ignores colours."""

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the codes of different items are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        codes = inputs[:, 3:]
        most_frequent = functional.one_hot(codes.sum(2).argmax(1), codes.shape[1])
        return most_frequent.float()[..., None].expand_as(codes)


def build_pointwise(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each position alone, so it is at chance on the masked ones."""
    return nn.Sequential(
        nn.Conv1d(shape.inputs, 4 * width, 1),
        nn.GELU(),
        nn.Conv1d(4 * width, shape.outputs, 1),
    )
