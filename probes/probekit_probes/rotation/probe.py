"""The rotation probe: does what was learned of one orientation hold for all?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from probekit.axis import Axis
from probekit.interfaces import Control, Metric, Scale, Shape, Split, Symmetry
from probekit_probes import maps
from probekit_probes.certified import Certified
from probekit_probes.noise import measured
from probekit_probes.rotation import controls
from probekit_probes.rotation.arrows import ORIENTATIONS, Arrows
from probekit_probes.rotation.oracle import read, tips


def told(output: Tensor) -> Tensor:
    """Return the cell where an output is greatest, (batch, 1, size, size) float32, 0 or 1."""
    best = output.flatten(1).argmax(1, keepdim=True)
    return torch.zeros_like(output).flatten(1).scatter(1, best, 1.0).view_as(output)


def right(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether the greatest output is at the cell asked for, (batch,) float32."""
    return (output.flatten(1).argmax(1) == target.flatten(1).argmax(1)).float()


class Rotation:
    """Tell the cell at which an arrow aims, in orientations that training did not show.

    Inputs: float32 (1, size, size), black (0) but for the five cells of an arrow (1). Targets: float32 (1,
    size, size), 1 at the cell three beyond its tip and one to the side of its barb. Outputs: a logit a cell;
    the greatest is the answer. Training and validation show the arrow in one orientation, at other places;
    the test in the seven others that quarter turns and mirrors make of it, everywhere. A network that
    answers in the seven knows of turns and mirrors without having been shown them. All splits hold every
    place of their kind: `seed` moves nothing here but a network's start and the order of its batches. Source:
    the group D4 of Cohen and Welling, "Group Equivariant Convolutional Networks", ICML 2016, asked as
    Courtois et al. 2022, section 3.2, ask for shifts.

    size: cells a side.
    """

    property = "rotation covariance"
    version = 1
    structure = "unet"
    symmetry: Symmetry = "turn"
    speaks = "equivariance_error"
    golden: Mapping[int, str] = {1: "5e12a63f2663d105"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("rotation")
    scales: Mapping[str, Scale] = measured(
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
                "two minutes on one core: 16 x 16 cells, an arrow at 110 places, then in 1,050 other ways",
                {"size": 16},
                {**maps.RECIPE, "epochs": 40, "batch": 8},
                width=32,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: 64 x 64 cells",
                {"size": 64},
                {**maps.RECIPE, "epochs": 20, "batch": 16},
                width=64,
            ),
        },
    )
    expected_failures: Mapping[str, str] = {
        "seed-moves-training-alone": "a split holds every place of its kind, so there is no other one to draw"
    }

    def __init__(self, *, size: Annotated[int, Field(ge=8)] = 16) -> None:
        self.shape = Shape(1, 1, (size, size))
        about = "Share of arrows of which the cell they aim at is told"
        chance = 1 / size**2
        self.metrics = (
            Metric("accuracy", "higher", 1.0, right, about, chance=chance, gap="gap", bounds=(0.0, 1.0)),
        )
        self.axis = Axis(
            "orientation",
            "orientations",
            f"{about}: 1 to 3 after so many quarter turns, 4 to 7 in the mirror, after none to three",
            self.orientation,
            right,
            "higher",
            tuple(map(float, range(1, ORIENTATIONS + 1))),
            (0.0, 1.0),
        )

    def data(self, split: Split, seed: int) -> Arrows:
        """Return a split; `seed` moves nothing, as a split holds every place of its kind."""
        return Arrows(self.shape.size[0], split)

    def orientation(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return which orientation each arrow has, 0 that of training, (batch,) float32."""
        return tips(inputs).flatten(2).any(2).float().argmax(1).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of one class a cell, a mean over items."""
        return functional.cross_entropy(output.float().flatten(1), target.flatten(1))

    def answer(self, output: Tensor) -> Tensor:
        """Return the cell that an output says, in the target's form."""
        return told(output)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact cell from the image alone, (batch, 1, size, size)."""
        return read(inputs)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which images have one answer, as the image itself proves, (batch,) bool for each rule."""
        return {
            "five cells are lit": inputs.flatten(1).sum(1) == 5,
            "they are one arrow, in one orientation": tips(inputs).flatten(1).sum(1) == 1,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what images contain, (batch,) numbers each."""
        row, column = controls.centre(inputs).unbind(1)
        return {
            "an arrow at row": row,
            "and column": column,
            "its orientation": self.orientation(inputs, targets),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"same way": controls.SameWay(), "convolution": controls.convolution}
