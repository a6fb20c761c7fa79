"""The translation probe: does what was learned in the middle of an image hold everywhere?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.axis import Axis
from probekit.errors import UsageError
from probekit.interfaces import Claim, Control, Published, Scale, Shape, Split, Symmetry
from probekit_probes.certified import Certified
from probekit_probes.translation import controls
from probekit_probes.translation.dataset import Squares, middle_of
from probekit_probes.translation.metrics import IOU, answer, intersection_over_union
from probekit_probes.translation.oracle import read
from probekit_probes.translation.published import CLAIMS, ROWS
from probekit_probes.translation.scales import SCALES


class Translation:
    """Draw the square around a white pixel, where no square was seen in training.

    Inputs: float32 (1, size, size), black (0) but for one white pixel (1). Targets: float32 (1, size, size),
    1 on the square of side `square` centred on it. Outputs: logits of white and of black. Training shows the
    central half, on each axis, of the places whose square fits; the test asks for all others that fit (at
    64 and 21: 484 and 1,452). Validation, which the paper does not have, is of another law, as these two
    leave no place over: the places whose square the border crops. All three hold every place of their kind:
    `seed` moves nothing here but a network's start and the order of its batches. Source: the Centered Square
    dataset of Courtois et al. 2022, sections 3.2 and 5.2; rate, batch and epochs are ours.

    size: pixels a side. square: side of the square, odd. Raises UsageError where fewer than 3 x 3 squares
    fit.
    """

    property = "translation covariance"
    version = 1
    structure = "plain(norm=false)"
    symmetry: Symmetry = "shift"
    speaks = "equivariance_error"
    golden: Mapping[int, str] = {1: "e882177f29c57433"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("translation")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS
    expected_failures: Mapping[str, str] = {
        "seed-moves-training-alone": "a split holds every place of its kind, so there is no other one to draw"
    }

    def __init__(self, *, size: Annotated[int, Field(ge=3)] = 64, square: PositiveInt = 21) -> None:
        if square % 2 == 0:
            raise UsageError(
                f"translation(square={square})",
                "a square with a pixel in its middle has an odd side",
                f"Type square={square - 1}.",
            )
        if size < square + 2:
            raise UsageError(
                f"translation(size={size}, square={square})",
                "fewer than 3 squares fit along a side: training or test would be empty",
                f"Type size={square + 2} or more.",
            )
        self.size, self.square = size, square
        self.shape = Shape(1, 2, (size, size))
        self.metrics = (IOU,)
        self.known = first, last = middle_of(size, square)
        farthest = max(first, size - 1 - last) + 1
        near, step = min(8, farthest), max(4, farthest // 16)
        edges = {*range(near), *range(near, farthest, step), farthest}
        self.axis = Axis(
            "distance",
            "pixels",
            "Intersection over union by how far the white pixel is from where training showed it",
            self.distance,
            intersection_over_union,
            "higher",
            tuple(sorted(set(map(float, edges)))),
            (0.0, 1.0),
        )

    def data(self, split: Split, seed: int) -> Squares:
        """Return a split; `seed` moves nothing, as a split holds every place of its kind."""
        return Squares(self.size, self.square, split)

    def distance(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many steps, diagonal ones too, each white pixel is from the places of training, (batch,)
        float32."""
        place, (first, last) = controls.places(inputs), self.known
        return torch.maximum(first - place, place - last).clamp(min=0).amax(1).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of two channels, a mean over pixels."""
        return functional.cross_entropy(output, torch.cat([target, 1 - target], dim=1))

    def answer(self, output: Tensor) -> Tensor:
        """Return the mask that an output says, in the target's form."""
        return answer(output)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact mask from the image alone, (batch, 1, size, size)."""
        return read(inputs, self.square)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which images have one answer, as the image itself proves, (batch,) bool for each rule."""
        lit = inputs.flatten(1) != 0
        pixels = read(inputs, self.square).flatten(1).sum(1)
        return {
            "one pixel is white": (lit.sum(1) == 1) & (inputs.flatten(1).amax(1) == 1),
            "its square fits": pixels == self.square**2,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what images contain, (batch,) numbers each."""
        row, column = controls.places(inputs).unbind(1)
        share = targets.flatten(1).mean(1)
        return {"a white pixel at row": row, "and column": column, "share of white in the label": share}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property; the first, the best in closed form, is the floor."""
        return {
            "nearest position": controls.NearestPosition(),
            "constant mask": controls.ConstantMask(self.data("test", 0)),
            "all white": controls.AllWhite(),
            "dense": controls.dense,
        }
