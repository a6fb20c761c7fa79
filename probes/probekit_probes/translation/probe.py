"""The translation probe: does what is learned in the centre of an image transfer to other positions?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Claim, Control, Probe, Published, Scale, Shape, Split, Symmetry
from probekit_probes.shipped_certificates import ShippedCertificates
from probekit_probes.translation import controls
from probekit_probes.translation.dataset import Squares, training_range
from probekit_probes.translation.metrics import IOU, intersection_over_union, predict_mask
from probekit_probes.translation.oracle import solve_squares
from probekit_probes.translation.published import CLAIMS, ROWS
from probekit_probes.translation.scales import SCALES


class Translation(Probe):
    """Draw the square around a white pixel, at positions that training did not show.

    Inputs: float32 (1, size, size), black (0) with one white pixel (1). Targets: float32 (1, size, size), 1
    on the square centred on the white pixel. Outputs: logits of white and of black.

    Training shows the central half, on each axis, of the positions whose square fits. The test shows all
    other positions whose square fits (at size 64 and square 21: 484 and 1,452). These use up all positions,
    so validation, which the paper does not have, has the positions whose square the border crops. Each split
    holds every position of its kind: `seed` changes only the network's initialisation and the order of the
    batches.

    The measured equivariance, over random items at all positions, decides before the score does: a layer that
    knows no place draws no square and is still covariant.

    Source: the Centered Square dataset of Courtois et al. 2022, sections 3.2 and 5.2. Learning rate, batch
    size and epochs are ours.

    Args:
        size: pixels per side.
        square: side of the square, odd.
        easy: test at the positions of training. Everything else stays the same, so a structure that fails
            here too does not fail because of translations.

    Raises:
        UsageError: if fewer than 3 x 3 squares fit.
    """

    property = "translation covariance"
    version = 1
    added_parameters = ("easy",)
    structure = "plain(norm=false)"
    symmetry: Symmetry = "shift"
    related_measurement = "equivariance_error"
    measurement_decides = True
    solved_by: Mapping[str, str] = {
        "*window of radius *": "a window moves with the input, so it is covariant"
    }
    golden: Mapping[int, str] = {1: "e882177f29c57433"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("translation")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS
    expected_failures: Mapping[str, str] = {
        "controls-learn-from-training-items-only": "the best constant mask of the test is a stricter floor",
        "seed-moves-training-alone": "each split holds every position of its kind, so no seed can change it",
    }

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=3)] = 64,
        square: PositiveInt = 21,
        easy: bool = False,
    ) -> None:
        if square % 2 == 0:
            raise UsageError(
                f"translation(square={square})",
                "only a square with an odd side has a pixel at its centre",
                f"Type square={square - 1}.",
            )
        if size < square + 2:
            raise UsageError(
                f"translation(size={size}, square={square})",
                "fewer than 3 squares fit along a side, so training or test would be empty",
                f"Type size={square + 2} or more.",
            )
        self.size, self.square, self.easy = size, square, easy
        self.shape = Shape(1, 2, (size, size))
        self.metrics = (IOU,)
        self.training_range = first, last = training_range(size, square)
        farthest = max(first, size - 1 - last) + 1
        near, step = min(8, farthest), max(4, farthest // 16)
        edges = {*range(near), *range(near, farthest, step), farthest}
        self.axis = Axis(
            "distance",
            "pixels",
            "Intersection over union, by the distance of the white pixel from the training positions",
            self.measure_distance,
            intersection_over_union,
            "higher",
            tuple(sorted(set(map(float, edges)))),
            (0.0, 1.0),
        )

    def data(self, split: Split, seed: int) -> Squares:
        """Return a split; `seed` changes nothing, because a split holds every position of its kind."""
        if self.easy and split == "test":
            split = "train"
        return Squares(self.size, self.square, split)

    def measure_distance(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the distance of each white pixel from the training positions, (batch,) float32.

        It is a number of steps, diagonal steps included.
        """
        position, (first, last) = controls.locate_white_pixels(inputs), self.training_range
        return torch.maximum(first - position, position - last).clamp(min=0).amax(1).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of the two channels, a mean over pixels."""
        return functional.cross_entropy(output, torch.cat([target, 1 - target], dim=1))

    def answer(self, output: Tensor) -> Tensor:
        """Return the predicted mask, in the form of the target."""
        return predict_mask(output)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact mask from the image alone, (batch, 1, size, size)."""
        return solve_squares(inputs, self.square)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an image to have one answer, (batch,) bool each."""
        lit = inputs.flatten(1) != 0
        pixels = solve_squares(inputs, self.square).flatten(1).sum(1)
        return {
            "one pixel is white": (lit.sum(1) == 1) & (inputs.flatten(1).amax(1) == 1),
            "its square fits": pixels == self.square**2,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the images, (batch,) each."""
        row, column = controls.locate_white_pixels(inputs).unbind(1)
        share = targets.flatten(1).mean(1)
        return {
            "row of the white pixel": row,
            "column of the white pixel": column,
            "share of white in the label": share,
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property; the first, the best in closed form, is the floor."""
        return {
            "nearest position": controls.NearestPosition(),
            "constant mask": controls.ConstantMask(self.data("test", 0)),
            "all white": controls.AllWhite(),
            "dense": controls.build_dense,
        }
