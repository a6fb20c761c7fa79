"""Controls of translation: solvers that memorise positions or ignore the input; they set the floor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit.plugin.interfaces import Dataset, Shape
from probekit.plugin.items import read_batch


def locate_white_pixels(images: Tensor) -> Tensor:
    """Return the position of the white pixel of each image, (batch, 2) float32 row and column."""
    flat, width = images.flatten(1).argmax(1), images.shape[-1]
    return torch.stack([flat // width, flat % width], dim=1).float()


class NearestPosition:
    """Answers with the square of the nearest training position: the best solver that memorises positions."""

    def fit(self, dataset: Dataset) -> None:
        """Store all positions and their squares."""
        images, self.masks = read_batch(dataset, range(len(dataset)))
        self.positions = locate_white_pixels(images)

    def __call__(self, inputs: Tensor) -> Tensor:
        nearest = torch.cdist(locate_white_pixels(inputs), self.positions.to(inputs.device)).argmin(1)
        return self.masks.to(inputs.device)[nearest]


class ConstantMask:
    """Answers with one mask, chosen in hindsight: the pixels covered by at least a share of the true squares.

    It takes the best of all shares on the split that scores it. No training is involved, so a network that
    ignores its input is unlikely to do better.

    Args:
        test: the split that scores it.
    """

    def __init__(self, test: Dataset) -> None:
        self.test = test

    def fit(self, dataset: Dataset) -> None:
        """Choose the mask."""
        truths = read_batch(self.test, range(len(self.test)))[1].flatten(1)
        coverage = truths.mean(0)
        shares = torch.tensor(sorted({*coverage.tolist()} - {0.0}))
        masks = (coverage >= shares[:, None]).float()
        intersection = truths @ masks.T
        union = truths.sum(1, keepdim=True) + masks.sum(1) - intersection
        best = int((intersection / union).mean(0).argmax())
        self.mask = masks[best].view(1, 1, *self.test[0][1].shape[1:])

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.mask.to(inputs.device).expand_as(inputs)


class AllWhite:
    """Answers that every pixel is white."""

    def fit(self, dataset: Dataset) -> None:
        """Do nothing."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return torch.ones_like(inputs)


def build_dense(shape: Shape, *, width: int) -> nn.Module:
    """Build a network with separate weights for each pixel, so nothing it learns transfers."""
    pixels = shape.size[0] * shape.size[1]
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(shape.inputs * pixels, 4 * width),
        nn.GELU(),
        nn.Linear(4 * width, shape.outputs * pixels),
        nn.Unflatten(1, (shape.outputs, *shape.size)),
    )
