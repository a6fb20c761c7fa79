"""The controls: solvers that know places by heart or look at nothing, whose scores are the floor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from probekit.interfaces import Dataset, Shape
from probekit.items import batch


def places(images: Tensor) -> Tensor:
    """Return where the white pixel of each image is, (batch, 2) float32 row and column."""
    flat, across = images.flatten(1).argmax(1), images.shape[-1]
    return torch.stack([flat // across, flat % across], dim=1).float()


class NearestPosition:
    """Answers with the square of the nearest place it was shown: the best that learns places by heart."""

    def fit(self, dataset: Dataset) -> None:
        """Keep all places and their squares."""
        images, self.masks = batch(dataset, range(len(dataset)))
        self.known = places(images)

    def __call__(self, inputs: Tensor) -> Tensor:
        nearest = torch.cdist(places(inputs), self.known.to(inputs.device)).argmin(1)
        return self.masks.to(inputs.device)[nearest]


class ConstantMask:
    """Answers one mask, chosen in hindsight: the pixels that so large a share of the true squares cover.

    judged: the split it will be scored on. Of all shares the best is taken; no training is involved, so that
    no network that looks at nothing is likely to do better.
    """

    def __init__(self, judged: Dataset) -> None:
        self.judged = judged

    def fit(self, dataset: Dataset) -> None:
        """Choose the mask."""
        truths = batch(self.judged, range(len(self.judged)))[1].flatten(1)
        covered = truths.mean(0)
        shares = torch.tensor(sorted({*covered.tolist()} - {0.0}))
        masks = (covered >= shares[:, None]).float()
        both = truths @ masks.T
        either = truths.sum(1, keepdim=True) + masks.sum(1) - both
        best = int((both / either).mean(0).argmax())
        self.mask = masks[best].view(1, 1, *self.judged[0][1].shape[1:])

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.mask.to(inputs.device).expand_as(inputs)


class AllWhite:
    """Answers that every pixel is white."""

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return torch.ones_like(inputs)


def dense(shape: Shape, *, width: int) -> nn.Module:
    """Build a network with weights of its own for each pixel: what it learns in one place stays there."""
    pixels = shape.size[0] * shape.size[1]
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(shape.inputs * pixels, 4 * width),
        nn.GELU(),
        nn.Linear(4 * width, shape.outputs * pixels),
        nn.Unflatten(1, (shape.outputs, *shape.size)),
    )
