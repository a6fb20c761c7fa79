"""The controls: solvers that link no position to another of its colour, whose scores are the floor."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from probekit.interfaces import Dataset, Shape


class BagOfCodes:
    """Answers everywhere the code that the item shows most often: the best that looks at no colour."""

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing: the codes of an item say nothing of another's."""

    def __call__(self, inputs: Tensor) -> Tensor:
        shown = inputs[:, 3:]
        most = functional.one_hot(shown.sum(2).argmax(1), shown.shape[1])
        return most.float()[..., None].expand_as(shown)


def pointwise(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each position alone: on a masked one it can do no better than chance."""
    return nn.Sequential(
        nn.Conv1d(shape.inputs, 4 * width, 1),
        nn.GELU(),
        nn.Conv1d(4 * width, shape.outputs, 1),
    )
