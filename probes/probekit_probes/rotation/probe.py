"""The rotation probe: does what is learned in one orientation transfer to the others?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Control, Metric, Probe, Scale, Shape, Split, Symmetry
from probekit_probes.grids import RECIPE
from probekit_probes.noise import attach_noise
from probekit_probes.rotation import controls
from probekit_probes.rotation.arrows import ORIENTATIONS, Arrows
from probekit_probes.rotation.oracle import find_tips, solve_arrows
from probekit_probes.shipped_certificates import ShippedCertificates


def predict_cell(output: Tensor) -> Tensor:
    """Return the cell where the output is greatest, (batch, 1, size, size) float32, 0 or 1."""
    predicted = output.flatten(1).argmax(1, keepdim=True)
    return torch.zeros_like(output).flatten(1).scatter(1, predicted, 1.0).view_as(output)


def is_cell_correct(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether the greatest output is at the correct cell, (batch,) float32."""
    return (output.flatten(1).argmax(1) == target.flatten(1).argmax(1)).float()


class Rotation(Probe):
    """Predict the cell at which an arrow aims, in orientations that training did not show.

    Inputs: float32 (1, size, size), black (0) except the five cells of an arrow (1). Targets: float32
    (1, size, size), 1 at the cell three beyond its tip and one to the side of its barb. Outputs: one logit
    per cell; the greatest is the answer.

    Training and validation show the arrow in one orientation, at different positions. The test shows it at
    every position in the seven other orientations that quarter turns and mirrors make of it. A network that
    solves the test handles turns and mirrors that it was never shown. Each split holds every position of its
    kind: `seed` changes only the network's initialisation and the order of the batches.

    Source: the group D4 of Cohen and Welling, "Group Equivariant Convolutional Networks", ICML 2016, tested
    as Courtois et al. 2022, section 3.2, test shifts.

    Compare networks, not layers: whatever layer a U-Net hosts, its own convolutions have a direction.

    Args:
        size: cells per side.
        easy: test in the orientation of training, at positions that it did not show. Everything else stays
            the same, so a structure that fails here too does not fail because of turns.
    """

    property = "rotation covariance"
    version = 1
    added_parameters = ("easy",)
    structure = "unet"
    networks_only = (
        "the network around a layer decides: no layer makes a U-Net handle turns that it was never shown, "
        "and unet-d4 handles them with any layer"
    )
    symmetry: Symmetry = "turn"
    related_measurement = "equivariance_error"
    golden: Mapping[int, str] = {1: "5e12a63f2663d105"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("rotation")
    scales: Mapping[str, Scale] = attach_noise(
        "rotation",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"size": 12},
                {"epochs": 2, "batch": 16, "lr": 3e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two minutes on one core: 16 x 16 cells, an arrow at 110 positions, 1,050 others in the test",
                {"size": 16},
                {**RECIPE, "epochs": 40, "batch": 8},
                width=32,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: 64 x 64 cells",
                {"size": 64},
                {**RECIPE, "epochs": 20, "batch": 16},
                width=64,
            ),
        },
    )
    expected_failures: Mapping[str, str] = {
        "seed-moves-training-alone": "each split holds every position of its kind, so no seed can change it"
    }

    def __init__(self, *, size: Annotated[int, Field(ge=8)] = 16, easy: bool = False) -> None:
        self.easy = easy
        self.shape = Shape(1, 1, (size, size))
        about = "Share of arrows with the correct target cell"
        chance = 1 / size**2
        self.metrics = (
            Metric(
                "accuracy", "higher", 1.0, is_cell_correct, about, chance=chance, gap="gap", bounds=(0.0, 1.0)
            ),
        )
        self.axis = Axis(
            "orientation",
            "orientations",
            f"{about}, by orientation: 1 to 3 quarter turns; 4 to 7 for the mirror image after 0 to 3 turns",
            self.find_orientation,
            is_cell_correct,
            "higher",
            tuple(map(float, range(0 if easy else 1, ORIENTATIONS + 1))),
            (0.0, 1.0),
        )

    def data(self, split: Split, seed: int) -> Arrows:
        """Return a split; `seed` changes nothing, because a split holds every position of its kind."""
        return Arrows(self.shape.size[0], split, self.easy)

    def find_orientation(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the orientation of each arrow, 0 for that of training, (batch,) float32."""
        return find_tips(inputs).flatten(2).any(2).float().argmax(1).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy with one class per cell, a mean over items."""
        return functional.cross_entropy(output.float().flatten(1), target.flatten(1))

    def answer(self, output: Tensor) -> Tensor:
        """Return the predicted cell, in the form of the target."""
        return predict_cell(output)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact cell from the image alone, (batch, 1, size, size)."""
        return solve_arrows(inputs)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an image to have one answer, (batch,) bool each."""
        return {
            "five cells are lit": inputs.flatten(1).sum(1) == 5,
            "they are one arrow, in one orientation": find_tips(inputs).flatten(1).sum(1) == 1,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the images, (batch,) each."""
        row, column = controls.lit_centre(inputs).unbind(1)
        return {
            "row of the arrow": row,
            "column of the arrow": column,
            "orientation": self.find_orientation(inputs, targets),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"same way": controls.SameWay(), "convolution": controls.build_convolution}
