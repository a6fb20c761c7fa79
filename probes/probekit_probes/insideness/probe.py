"""The insideness probe: is this pixel inside or outside the curve?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.grids import RECIPE, WINDOW_RADIUS
from probekit_probes.insideness.controls import Patch, build_told_window
from probekit_probes.insideness.curves import BORDER, Design, count_exit_steps
from probekit_probes.insideness.oracle import count_crossings, is_simple_curve, mark_rim, solve_sides
from probekit_probes.insideness.sides import SidesInWindow
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import SequenceProbe, bin_edges, make_restricted_metrics
from probekit_probes.shipped_certificates import ShippedCertificates


class Insideness(SequenceProbe):
    """Predict whether a pixel is inside or outside a closed curve that no window can follow.

    Inputs: float32 one-hot pixels (2, size, size): open, curve. Targets: float32 (2, size, size), outside or
    inside at each open pixel, zero on the curve.

    The curve separates winding corridors, most of them one pixel wide. A uniform spanning tree of
    (size / 4 - 2) x (size / 4 - 2) nodes is drawn; its cells then change sides at random, and the curve stays
    one curve, until the grid no longer shows. In every other image the inside is the rest of the same
    corridors, up to a ring: the two curves then agree except at the border, and outside and inside are
    swapped. A window of `reach` pixels is therefore at chance on the middle, the pixels at least `reach` from
    where the two curves differ. Only the middle is scored. Images are thinned out until both sides have as
    many dead ends in the middle; sizes without a number in `TILT` are not. A window that is told which of the
    two curves it is still has a hint, because one side is a tree and the other hangs from the border: counts
    of what a window of radius 5 shows of both sides reach 0.69 at scale quick. A score shows the property
    only above that floor.

    In training and test, the farthest pixel of the middle is at most `near` steps along its corridor from the
    end of the middle; in the harder images it is farther.

    Source: Villalobos et al., "Do Neural Networks for Segmentation Understand Insideness?", 2021, with curves
    that allow no shortcut; trees after Aldous 1990.

    Args:
        size: pixels per side, a multiple of 4.
        reach: distance in pixels at which a window must fail.
        near: greatest number of steps in training and test.
        easy: ask at the rim of the curve instead, where a small window sees the outside. Everything else
            stays the same, so a structure that fails here too does not fail because of insideness.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if the size is no multiple of 4, or leaves no middle.
    """

    property = "insideness"
    version = 2
    structure = "unet"
    added_controls = ("sides in a window",)
    harder = "images with longer paths out of the middle"
    golden: Mapping[int, str] = {2: "2a531f4bf6cd997d"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("insideness")
    scales: Mapping[str, Scale] = attach_noise(
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
                "two minutes on one core: 32 x 32 pixels; the middle 8 x 8 are scored",
                {"size": 32, "reach": 5, "near": 8, "train": 8_000, "validation": 500, "test": 500},
                {**RECIPE, "batch": 16},
                width=16,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: 64 x 64 pixels; the middle 34 x 34 are scored, eight or more from the border",
                {"size": 64, "reach": 8, "near": 40, "train": 200_000, "test": 2_000},
                {**RECIPE, "epochs": 2},
                width=64,
            ),
        },
    )

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=24)] = 32,
        reach: Annotated[int, Field(ge=WINDOW_RADIUS)] = 5,
        near: Annotated[int, Field(ge=2)] = 8,
        easy: bool = False,
        train: PositiveInt = 8_000,
        validation: PositiveInt = 500,
        test: PositiveInt = 500,
    ) -> None:
        least = -(-2 * (BORDER + reach + 1) // 4) * 4
        if size % 4 or size < least:
            raise UsageError(
                f"insideness(size={size}, reach={reach})",
                f"corridors repeat every 4 pixels, and {BORDER + reach} pixels at each border are not scored",
                f"Type size={max(least, 4 * (size // 4))}.",
            )
        self.side, self.reach, self.easy = size, reach, easy
        design, harder = Design(size, reach, 1, near, easy), Design(size, reach, near + 1, size**2, easy)
        self.middle = design.middle
        self.set_splits(design, harder, train, validation, test)
        where = "at the rim of the curve" if easy else "in the middle of the image"
        self.metrics = make_restricted_metrics(
            0.5,
            self.cut_scored,
            f"Accuracy {where}",
            f"Share of images that are fully correct {where}",
        )
        about = "Share of correct pixels, by the number of steps along the corridor to leave the middle"
        bins = bin_edges((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96), near, 2 * near)
        self.axis = (
            None
            if easy
            else Axis(
                "steps", "steps", about, self.count_steps, masked.is_correct, "higher", bins, (0.0, 1.0), 0.95
            )
        )

    def cut_scored(self, *images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the middle of outputs, targets and inputs; for the easy task, all of them."""
        part = slice(None) if self.easy else self.middle
        output, target, inputs = (image[..., part, part] for image in images)
        return output, target, inputs

    def count_steps(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Count the steps along its corridor from each pixel of the middle to the end of the middle.

        Returns:
            Steps, (batch, size, size) float32; NaN on other pixels.
        """
        free = inputs[:, 0].cpu().numpy() > 0
        steps = torch.from_numpy(count_exit_steps(free, self.middle, self.side**2)[:, 1:-1, 1:-1]).float()
        image = torch.full((len(inputs), self.side, self.side), float("nan"))
        image[:, self.middle, self.middle] = steps.where(steps > 0, float("nan"))
        return image.to(inputs.device)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, 2, size, size)."""
        sides = solve_sides(inputs)
        return sides * mark_rim(inputs)[:, None] if self.easy else sides

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an image to have one answer, (batch,) bool each."""
        inside, free = solve_sides(inputs)[:, 1], inputs[:, 0] > 0
        return {
            "one closed curve": is_simple_curve(inputs),
            "odd crossings are inside": ((count_crossings(inputs) % 2 == inside) | ~free).flatten(1).all(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the images, (batch,) each."""
        return {
            "pixels of the curve": inputs[:, 1].sum((1, 2)),
            "share inside in the middle": targets[:, 1, self.middle, self.middle].mean((1, 2)),
            "steps to leave the middle": self.count_steps(inputs, targets).flatten(1).nan_to_num(0).amax(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        if self.easy:
            return {"patch": Patch(slice(None)), "window": build_told_window}
        return {
            "patch": Patch(self.middle),
            "sides in a window": SidesInWindow(self.middle, self.reach),
            "window": build_told_window,
        }
