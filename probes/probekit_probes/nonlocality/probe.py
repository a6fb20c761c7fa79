"""The nonlocality probe: are local cues linked to distant inferences?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.axis import Axis
from probekit.errors import UsageError
from probekit.interfaces import Claim, Control, Published, Scale, Shape, Split, Symmetry
from probekit_probes.certified import Certified
from probekit_probes.nonlocality import controls
from probekit_probes.nonlocality.dataset import Rectangles
from probekit_probes.nonlocality.distance import DISTANCE
from probekit_probes.nonlocality.metrics import Aligned, align, depth_metrics, in_pieces
from probekit_probes.nonlocality.oracle import read
from probekit_probes.nonlocality.published import CLAIMS, ROWS
from probekit_probes.nonlocality.ranks import MOST
from probekit_probes.nonlocality.samplers import Law
from probekit_probes.nonlocality.scales import SCALES
from probekit_probes.nonlocality.scenes import COLOURS, Design

SIDE = 128
"""Pixels a side where nothing else is said."""
ALL_OVERLAP = 5
"""Rectangles of which every two may be asked to overlap."""


class Nonlocality:
    """Tell the depth of every pixel of a picture of overlapping rectangles.

    Inputs: float32 RGB (3, height, width) in [0, 1]; targets: float32 depth (1, height, width), (level + 1) /
    11, where the background's level is 0 and a rectangle's is one more than the number of rectangles beneath
    it. Source: the Rectangle Depth Estimation dataset of Courtois et al. 2022, sections 3.1 and 5.1; number
    of images, batch and rate are ours.

    size: pixels a side of a square frame, 128 where nothing is said; height, width: of another, each `size`
    where it is None. Which scenes are drawn depends on ranks alone, so a long frame is a square one
    stretched. rectangles: the most in a scene (2 to 10); one and two fewer come in a tenth of scenes each,
    but never less than two. gap: least distance of parallel sides in pixels. colours: how many of the ten
    fixed colours are used. sampler: "sequential" (front to back, deep scenes) or "rejection" (uniform over
    unambiguous arrangements). balance: thin out scenes so that the middle tells nothing of the level.
    overlapping: draw only scenes in which every two rectangles overlap, so that none has its level for want
    of neighbours. beyond: the headline counts the pixels of rectangles alone that lie at least so far from
    the next junction (see `distance`), where a network of lesser reach sees nothing that decides; 0 for all
    pixels. reading: of the level, "down-set" or "chain" (longest chain beneath). ambiguous: train on scenes
    that were not filtered (the starred baseline of table 1); validation and test stay unambiguous. aligned:
    an answer is first brought to the truth by the scale and the shift that fit it best, as networks that tell
    depth up to these are judged (Ranftl et al. 2022). train, validation, test: items. Raises UsageError where
    the rectangles do not fit.
    """

    property = "nonlocality"
    version = 1
    structure = "unet"
    symmetry: Symmetry = "shift"
    speaks = "receptive_radius"
    axis: Axis = DISTANCE
    golden: Mapping[int, str] = {1: "d112799f4381308d"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("nonlocality")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=3)] | None = None,
        height: Annotated[int, Field(ge=3)] | None = None,
        width: Annotated[int, Field(ge=3)] | None = None,
        rectangles: Annotated[int, Field(ge=2, le=MOST)] = 10,
        gap: PositiveInt = 3,
        colours: Annotated[int, Field(ge=2, le=COLOURS)] = 10,
        sampler: Literal["sequential", "rejection"] = "sequential",
        balance: bool = True,
        overlapping: bool = False,
        beyond: NonNegativeInt = 0,
        reading: Literal["down-set", "chain"] = "down-set",
        ambiguous: bool = False,
        aligned: bool = False,
        train: PositiveInt = 20_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 2_000,
    ) -> None:
        least = (2 * rectangles - 1) * gap
        if None not in (size, height, width):
            raise UsageError(
                f"nonlocality(size={size}, height={height}, width={width})",
                "both sides are given, by you or by the scale, so that size says nothing",
                f"Type height={size} and width={size} for a square, or another --scale.",
            )
        square = SIDE if size is None else size
        frame = (square if height is None else height, square if width is None else width)
        for name, typed, side in zip(("height", "width"), (height, width), frame, strict=True):
            if side < least:
                name = "size" if typed is None else name
                raise UsageError(
                    f"nonlocality({name}={side}, rectangles={rectangles}, gap={gap})",
                    f"{2 * rectangles} sides {gap} apart need {least} pixels",
                    f"Type {name}={least} or more, fewer rectangles or a smaller gap.",
                )
        if overlapping and rectangles > ALL_OVERLAP:
            raise UsageError(
                f"nonlocality(overlapping=true, rectangles={rectangles})",
                "of so many hardly any scene has every two overlap, so that drawing takes days",
                f"Type rectangles={ALL_OVERLAP} or fewer.",
            )
        if colours < rectangles:
            raise UsageError(
                f"nonlocality(rectangles={rectangles}, colours={colours})",
                "each rectangle of a scene has a colour of its own",
                f"Type colours={rectangles} to {COLOURS}.",
            )
        self.design = Design(
            frame, rectangles, gap, colours, reading, ambiguous, Law(sampler, balance, overlapping)
        )
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.shape = Shape(3, 1, frame)
        self.metrics = depth_metrics(beyond, aligned)
        self.aligned = aligned
        if aligned:
            self.axis = replace(DISTANCE, score=Aligned(DISTANCE.score))
        self.focus = self.metrics[0].name if beyond else "loss_foreground"

    def data(self, split: Split, seed: int) -> Rectangles:
        """Return a split; `seed` moves the training split, `version` alone fixes the other two."""
        design, seed = self.design, seed if split == "train" else 0
        if split != "train":
            design = replace(design, ambiguous=False)
        return Rectangles(design, split, seed, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean absolute error, a scalar."""
        return functional.l1_loss(output, target)

    def drawn(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the answers as they are judged, (batch, 1, height, width)."""
        return align(outputs, targets) if self.aligned else outputs

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact depth from the image alone, (batch, 1, height, width)."""
        return read(inputs, self.design.reading).depth

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which images have one answer, as the image itself proves, (batch,) bool for each rule."""
        found = read(inputs, self.design.reading)
        return {
            "F1 no opposite sides coincide": found.sides_apart,
            "F2 overlapping boxes are ordered": found.overlaps_ordered,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what images contain, (batch,) numbers each."""
        found = read(inputs, self.design.reading)
        return {
            "rectangles": (found.level > 0).sum(1),
            "greatest level": found.level.amax(1),
            "rectangles in pieces": in_pieces(inputs).sum(1),
            "share of background": (inputs == 0).all(1).float().flatten(1).mean(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {
            "constant": controls.Constant(),
            "colour median": controls.ColourMedian(),
            "window": controls.window,
        }
