"""The nonlocality probe: do local cues decide the depth of distant pixels?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Claim, Control, Probe, Published, Scale, Shape, Split, Symmetry
from probekit_probes.nonlocality import controls
from probekit_probes.nonlocality.dataset import Rectangles
from probekit_probes.nonlocality.distance import DISTANCE
from probekit_probes.nonlocality.metrics import AlignedScore, align_outputs, depth_metrics, is_in_pieces
from probekit_probes.nonlocality.oracle import read_depth
from probekit_probes.nonlocality.published import CLAIMS, ROWS
from probekit_probes.nonlocality.ranks import MAX_RECTANGLES
from probekit_probes.nonlocality.samplers import Law
from probekit_probes.nonlocality.scales import SCALES
from probekit_probes.nonlocality.scenes import COLOURS, Design
from probekit_probes.shipped_certificates import ShippedCertificates

SIDE = 128
"""Default number of pixels per side."""
ALL_OVERLAP = 5
"""Greatest number of rectangles that can all be asked to overlap."""

NEAR = 2
"""Distance from a junction, in pixels, within which the easy task counts."""


class Nonlocality(Probe):
    """Predict the depth of every pixel of an image of overlapping rectangles.

    Inputs: float32 RGB (3, height, width) in [0, 1]. Targets: float32 depth (1, height, width),
    (level + 1) / 11. The background has level 0; the level of a rectangle is one more than the number of
    rectangles beneath it.

    Source: the Rectangle Depth Estimation dataset of Courtois et al. 2022, sections 3.1 and 5.1. The number
    of images, the batch size and the learning rate are ours.

    Args:
        size: pixels per side of a square frame, 128 by default.
        height: pixels of a frame that is not square, `size` by default. The scenes depend on ranks alone, so
            a long frame is a stretched square one.
        width: see height.
        rectangles: greatest number of rectangles in a scene (2 to 10). A tenth of the scenes has one fewer,
            a tenth has two fewer, but never less than two.
        gap: least distance of parallel sides in pixels.
        colours: how many of the ten fixed colours are used.
        sampler: "sequential" (front to back, deep scenes) or "rejection" (uniform over unambiguous scenes).
        balance: thin out the scenes so that a rectangle's level does not depend on how central it is.
        overlapping: draw only scenes in which every two rectangles overlap, so that no level is trivial.
        beyond: the headline counts only rectangle pixels at least this far from the nearest junction (see
            `distance`), where a small receptive field sees no cue; 0 for all pixels.
        reading: definition of a level, "down-set" or "chain" (longest chain beneath).
        ambiguous: train on unfiltered scenes (the starred baseline of table 1); validation and test stay
            unambiguous.
        easy: draw two rectangles, and let the headline count only pixels near a junction, whose level a small
            window sees. Everything else stays the same, so a structure that fails here too does not fail
            because of distance.
        aligned: rescale and shift each output to fit the truth best before scoring, as for networks that
            predict depth up to scale and shift (Ranftl et al. 2022).
        train: number of training items.
        validation: number of validation items.
        test: number of test items.

    Raises:
        UsageError: if the rectangles do not fit.
    """

    property = "nonlocality"
    version = 1
    added_parameters = ("easy",)
    equivalent_parameters: Mapping[str, tuple[str, ...]] = {"size": ("height", "width")}
    structure = "unet"
    symmetry: Symmetry = "shift"
    related_measurement = "receptive_radius"
    axis: Axis = DISTANCE
    solved_by: Mapping[str, str] = dict.fromkeys(
        ("bag of patches", "set of columns", "window joined with bags", "forest over the whole item"),
        "it knows of junctions anywhere in the image",
    )
    golden: Mapping[int, str] = {1: "d112799f4381308d"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("nonlocality")
    scales: Mapping[str, Scale] = SCALES
    published: tuple[Published, ...] = ROWS
    claims: tuple[Claim, ...] = CLAIMS

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=3)] | None = None,
        height: Annotated[int, Field(ge=3)] | None = None,
        width: Annotated[int, Field(ge=3)] | None = None,
        rectangles: Annotated[int, Field(ge=2, le=MAX_RECTANGLES)] = 10,
        gap: PositiveInt = 3,
        colours: Annotated[int, Field(ge=2, le=COLOURS)] = 10,
        sampler: Literal["sequential", "rejection"] = "sequential",
        balance: bool = True,
        overlapping: bool = False,
        beyond: NonNegativeInt = 0,
        reading: Literal["down-set", "chain"] = "down-set",
        ambiguous: bool = False,
        easy: bool = False,
        aligned: bool = False,
        train: PositiveInt = 20_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 2_000,
    ) -> None:
        least = (2 * rectangles - 1) * gap
        if None not in (size, height, width):
            raise UsageError(
                f"nonlocality(size={size}, height={height}, width={width})",
                "height and width are typed, so size has no effect",
                f"Type size={size} for a square, or height={height} and width={width}.",
            )
        square = SIDE if size is None else size
        frame = (square if height is None else height, square if width is None else width)
        for name, requested, side in zip(("height", "width"), (height, width), frame, strict=True):
            if side < least:
                name = "size" if requested is None else name
                raise UsageError(
                    f"nonlocality({name}={side}, rectangles={rectangles}, gap={gap})",
                    f"{2 * rectangles} sides {gap} apart need {least} pixels",
                    f"Type {name}={least} or more, fewer rectangles or a smaller gap.",
                )
        if overlapping and rectangles > ALL_OVERLAP:
            raise UsageError(
                f"nonlocality(overlapping=true, rectangles={rectangles})",
                "scenes of this many rectangles that all overlap are rare, so drawing them takes days",
                f"Type rectangles={ALL_OVERLAP} or fewer.",
            )
        if colours < rectangles:
            raise UsageError(
                f"nonlocality(rectangles={rectangles}, colours={colours})",
                "the rectangles of a scene have different colours",
                f"Type colours={rectangles} to {COLOURS}.",
            )
        self.design = Design(
            frame,
            2 if easy else rectangles,
            gap,
            colours,
            reading,
            ambiguous,
            Law(sampler, balance, overlapping),
        )
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.shape = Shape(3, 1, frame)
        self.metrics = depth_metrics(0 if easy else beyond, aligned, NEAR if easy else 0)
        self.aligned = aligned
        if aligned:
            self.axis = replace(DISTANCE, score=AlignedScore(DISTANCE.score))
        self.focus = self.metrics[0].name if beyond or easy else "loss_foreground"

    def data(self, split: Split, seed: int) -> Rectangles:
        """Return a split; `seed` changes only the training split, `version` fixes the other two."""
        design, seed = self.design, seed if split == "train" else 0
        if split != "train":
            design = replace(design, ambiguous=False)
        return Rectangles(design, split, seed, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean absolute error, a scalar."""
        return functional.l1_loss(output, target)

    def drawn(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the outputs as they are scored, (batch, 1, height, width)."""
        return align_outputs(outputs, targets) if self.aligned else outputs

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact depth from the image alone, (batch, 1, height, width)."""
        return read_depth(inputs, self.design.reading).depth

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an image to have one answer, (batch,) bool each."""
        reading = read_depth(inputs, self.design.reading)
        return {
            "F1 no opposite sides coincide": reading.sides_apart,
            "F2 overlapping boxes are ordered": reading.overlaps_ordered,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the images, (batch,) each."""
        reading = read_depth(inputs, self.design.reading)
        return {
            "rectangles": (reading.level > 0).sum(1),
            "greatest level": reading.level.amax(1),
            "rectangles in pieces": is_in_pieces(inputs).sum(1),
            "share of background": (inputs == 0).all(1).float().flatten(1).mean(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {
            "constant": controls.Constant(),
            "colour median": controls.ColourMedian(),
            "window": controls.build_image_window,
        }
