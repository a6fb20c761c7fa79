"""The insideness probe: is it known what a closed curve holds?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit import asked
from probekit.axis import Axis
from probekit.errors import UsageError
from probekit.interfaces import Control, Scale
from probekit_probes import maps
from probekit_probes.certified import Certified
from probekit_probes.insideness.controls import Patch
from probekit_probes.insideness.curves import BORDER, Design, steps
from probekit_probes.insideness.oracle import crossings, read, simple
from probekit_probes.maps import SEEN, window
from probekit_probes.noise import measured
from probekit_probes.words import Spelt, edges


class Insideness(Spelt):
    """Tell which pixels lie inside a closed curve, where no window of the image can.

    Inputs: float32 one-hot pixels (2, size, size): open, curve. Targets: float32 (2, size, size), outside or
    inside at each open pixel, zero on the curve. The curve parts corridors, most of them a pixel wide: a
    uniform spanning tree of (size / 4 - 2) x (size / 4 - 2) nodes, whose cells then change sides at random,
    until nothing is left of the grid, while the curve stays one. Every other time inside is all that the same
    corridors leave over up to a ring: then the two curves agree but at the border, and outside and inside
    have changed places. So of all pixels in the middle, `reach` and more from where they differ, a window of
    this reach tells one in two: the scores are of these alone. In the harder images the farthest pixel of the
    middle is more than `near` steps along its corridor from where that leaves the middle, in training and
    test `near` or fewer. Source: Villalobos et al., "Do Neural Networks for Segmentation Understand
    Insideness?", 2021, with curves that have no short cut; trees after Aldous 1990.

    size: pixels a side, a multiple of 4. reach: pixels. near: steps. train, validation, test: items; there
    are as many harder ones as of test. Raises UsageError where the size is no multiple of 4 or leaves no
    middle.
    """

    property = "insideness"
    version = 1
    structure = "unet"
    harder = "longer ways out of the middle"
    golden: Mapping[int, str] = {1: "229cf2521bf3e1d6"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("insideness")
    scales: Mapping[str, Scale] = measured(
        "insideness",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"size": 24, "reach": 3, "near": 2, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two minutes on one core: 32 x 32 pixels, of which the middle 10 x 10 are scored",
                {"size": 32, "reach": 4, "near": 10, "train": 8_000, "validation": 500, "test": 500},
                {**maps.RECIPE, "batch": 16},
                width=16,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: 64 x 64 pixels, 34 x 34 of them scored, eight and more from the border",
                {"size": 64, "reach": 8, "near": 40, "train": 200_000, "test": 2_000},
                {**maps.RECIPE, "epochs": 2},
                width=64,
            ),
        },
    )

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=24)] = 32,
        reach: Annotated[int, Field(ge=SEEN)] = 4,
        near: Annotated[int, Field(ge=2)] = 10,
        train: PositiveInt = 8_000,
        validation: PositiveInt = 500,
        test: PositiveInt = 500,
    ) -> None:
        least = -(-2 * (BORDER + reach + 1) // 4) * 4
        if size % 4 or size < least:
            raise UsageError(
                f"insideness(size={size}, reach={reach})",
                f"corridors are four pixels apart, and {BORDER + reach} pixels each way are not scored",
                f"Type size={max(least, 4 * (size // 4))}.",
            )
        self.side = size
        design, beyond = Design(size, reach, 1, near), Design(size, reach, near + 1, size**2)
        self.middle = design.middle
        self.split_into(design, beyond, train, validation, test)
        accuracy, exact = asked.accuracy(0.5), asked.exact()
        self.metrics = (
            replace(accuracy, score=self.scored(asked.share), about="Accuracy in the middle of the image"),
            replace(exact, score=self.scored(asked.whole), about="Share of images whose middle is all right"),
        )
        about = "Share of pixels that are right, by how many steps along their corridor leave the middle"
        bins = edges((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96), near, 2 * near)
        self.axis = Axis("steps", "steps", about, self.steps, asked.right, "higher", bins, (0.0, 1.0), 0.95)

    def scored(self, score: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
        """Return a score of the middle alone."""
        middle = (..., self.middle, self.middle)
        return lambda output, target, inputs: score(output[middle], target[middle], inputs[middle])

    def steps(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many steps along its corridor each pixel of the middle is from where that leaves it,
        (batch, size, size); NaN elsewhere."""
        free = inputs[:, 0].cpu().numpy() > 0
        found = torch.from_numpy(steps(free, self.middle, self.side**2)[:, 1:-1, 1:-1]).float()
        all_of = torch.full((len(inputs), self.side, self.side), float("nan"))
        all_of[:, self.middle, self.middle] = found.where(found > 0, float("nan"))
        return all_of.to(inputs.device)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, 2, size, size)."""
        return read(inputs)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which images have one answer, (batch,) bool for each rule."""
        inside, free = read(inputs)[:, 1], inputs[:, 0] > 0
        return {
            "one closed curve": simple(inputs),
            "odd crossings are inside": ((crossings(inputs) % 2 == inside) | ~free).flatten(1).all(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what images contain, (batch,) numbers each."""
        return {
            "pixels of the curve": inputs[:, 1].sum((1, 2)),
            "inside, of the middle": self.scored(lambda _, target, __: target[:, 1].mean((1, 2)))(
                targets, targets, inputs
            ),
            "steps to leave the middle": self.steps(inputs, targets).flatten(1).nan_to_num(0).amax(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"patch": Patch(self.middle), "window": window}
