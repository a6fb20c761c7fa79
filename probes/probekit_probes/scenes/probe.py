"""The probe `scenes`: do local cues decide the depth of distant pixels, ever closer to a natural scene?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Probe, Scale, Shape, Split, Symmetry
from probekit_probes.nonlocality.controls import DEPTHS, build_image_window
from probekit_probes.nonlocality.distance import DISTANCE, junction_distance
from probekit_probes.nonlocality.metrics import depth_metrics, is_in_pieces
from probekit_probes.nonlocality.oracle import Reading, read_depth
from probekit_probes.nonlocality.probe import ALL_OVERLAP, NEAR
from probekit_probes.scenes import controls
from probekit_probes.scenes.cues import make_cue_metrics
from probekit_probes.scenes.dataset import SceneSplit
from probekit_probes.scenes.design import Design
from probekit_probes.scenes.occluders import make_occluder_axis
from probekit_probes.scenes.photographs.pictures import check_extra
from probekit_probes.scenes.rungs import RUNGS, SCALES
from probekit_probes.scenes.shape_oracle import ShapeReading, read_shape_depth
from probekit_probes.scenes.surfaces import RepaintedScore, SurfaceReader
from probekit_probes.shipped_certificates import ShippedCertificates


@dataclass(frozen=True, slots=True)
class RepaintedDistance:
    """The distance of each pixel from the nearest junction of its object."""

    repaint: SurfaceReader

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return junction_distance(self.repaint(inputs), targets)


class Scenes(Probe):
    """Predict the depth of every pixel of an image of overlapping objects.

    Inputs: float32 RGB (3, size, size) in [0, 1]. Targets: float32 depth (1, size, size), (level + 1) / 11.
    The background has level 0; the level of an object is one more than the number of objects beneath it.
    Every two objects of a scene overlap.

    A rung sets the parameters that you do not type:

    - Rung 0: `nonlocality`, three rectangles in fixed colours on black.
    - Rung 1: colours drawn anew for each image, at a least distance in RGB; the background too.
    - Rung 2: two to four objects; the extrapolation split has five.
    - Rung 3: rectangles, ellipses, rhombi, hexagons, triangles and corners, which are concave, from a finite
      catalogue. An image is used only if all ways to complete its objects give the same levels.
    - Rung 4: each surface has a texture: stripes, dots or noise in four shades. Kind, colours and contrast
      are drawn from one law, so no patch tells a level.
    - Rung 5: each surface is a crop of a photograph, in eight shades of a random colour ramp, each equally
      often. It needs the extra `scenes`.

    Source: the Rectangle Depth Estimation dataset of Courtois et al. 2022, section 3.1; the rungs are the
    next steps that its section 6.2 names. Number of images, batch size and learning rate are ours.

    Args:
        rung: sets `colours`, `objects`, `fewest` and `shapes`, unless you type them.
        colours: "fixed", the ten colours of `nonlocality` on black; or "image", drawn for each image.
        objects: greatest number of objects in a scene.
        fewest: least number of objects; all numbers from it to `objects` are equally likely, and the
            extrapolation split has one object more.
        shapes: "rectangles", anywhere; or "mixed", all shapes of the catalogue.
        cues: "all"; or only images that need one cue: "junctions", "extents" or "colour" (see `loss_colour`).
        size: pixels per side.
        beyond: the headline counts only object pixels at least this far from the nearest junction (see
            `distance`), where a small receptive field sees no cue; 0 for all pixels.
        ambiguous: train on scenes without a filter; validation and test stay unambiguous.
        easy: draw two objects, and let the headline count only pixels near a junction, whose level a small
            window sees. Everything else stays the same.
        axis: what the curve counts: "distance", pixels to the nearest junction; or "occluders", objects
            between a pixel and the junctions that tell its level. The training stays the same.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of extrapolation items.

    Raises:
        UsageError: if the objects do not fit, or no pixel counts.
    """

    property = "nonlocality in scenes"
    version = 1
    structure = "unet"
    symmetry: Symmetry = "shift"
    related_measurement = "receptive_radius"
    solved_by: Mapping[str, str] = dict.fromkeys(
        ("bag of *", "set of columns", "window joined with bags", "forest over the whole item"),
        "what it knows of the whole image is nonlocal",
    )
    added_parameters = ("axis",)
    golden: Mapping[int, str] = {1: "e12bcc6587be2a7a"}
    scales: Mapping[str, Scale] = SCALES

    def __init__(
        self,
        *,
        rung: Annotated[int, Field(ge=0, le=len(RUNGS) - 1)] = 1,
        colours: Literal["fixed", "image"] | None = None,
        objects: Annotated[int, Field(ge=2, le=ALL_OVERLAP)] | None = None,
        fewest: Annotated[int, Field(ge=2, le=ALL_OVERLAP)] | None = None,
        shapes: Literal["rectangles", "mixed"] | None = None,
        cues: Literal["all", "junctions", "extents", "colour"] = "all",
        size: Annotated[int, Field(ge=9)] = 32,
        beyond: NonNegativeInt = 0,
        ambiguous: bool = False,
        easy: bool = False,
        axis: Literal["distance", "occluders"] = "distance",
        train: PositiveInt = 8_192,
        validation: PositiveInt = 512,
        test: PositiveInt = 1_024,
    ) -> None:
        defaults = RUNGS[rung]
        colours = defaults.colours if colours is None else colours  # type: ignore[assignment]
        fewest = defaults.fewest if fewest is None else fewest
        most = defaults.objects if objects is None else objects
        if fewest is not None and fewest > most:
            raise UsageError(
                f"scenes(fewest={fewest}, objects={most})",
                "the least number of objects is greater than the greatest",
                f"Type fewest={most} or less, or more objects.",
            )
        texture = defaults.texture
        if texture == "photographs":
            check_extra(f"scenes(rung={rung})")
        if texture != "flat" and colours == "fixed":
            raise UsageError(
                f"scenes(rung={rung}, colours=fixed)",
                "textures have random colours",
                "Leave colours out, or type rung=3 for flat surfaces.",
            )
        if easy:
            most, fewest = 2, 2
        self.design = Design(
            size, most, fewest, str(colours), shapes or defaults.shapes, cues, ambiguous, texture
        )
        self.harder_design = None
        if fewest is not None and not easy and most < ALL_OVERLAP:
            self.harder_design = replace(self.design, most=most + 1, fewest=most + 1, ambiguous=False)
            self.harder = f"scenes of {most + 1} objects"
        largest = most if self.harder_design is None else most + 1
        needed = 2 * largest - 1 + 2 * self.design.ring
        if self.design.shapes == "rectangles" and size < needed:
            raise UsageError(
                f"scenes(rung={rung}, objects={most}, size={size})",
                f"scenes of {largest} rectangles, no two sides of which meet, need {needed} pixels",
                f"Type size={needed} or more, or fewer objects.",
            )
        if beyond >= size:
            raise UsageError(
                f"scenes(beyond={beyond}, size={size})",
                "no pixel is that far from a junction, so the headline counts none",
                f"Type beyond={size // 5} or so, or a larger size.",
            )
        self.lengths = {"train": train, "validation": validation, "test": test, "harder": test}
        self.shape = Shape(3, 1, (size, size))
        self.reader = SurfaceReader(colours == "fixed", self.design.shades)
        plain = [
            metric
            for metric in depth_metrics(0 if easy else beyond, within=NEAR if easy else 0)
            if metric.name != "ord_extended"  # too rare in scenes; `loss_extents` scores these images
        ]
        self.metrics = (
            *(replace(metric, score=RepaintedScore(metric.score, self.reader)) for metric in plain),
            *make_cue_metrics(plain[0].score, self.reader, plain[0].about),
        )
        self.axis: Axis = (
            make_occluder_axis(self.reader)
            if axis == "occluders"
            else replace(DISTANCE, difficulty=RepaintedDistance(self.reader))
        )
        self.focus = self.metrics[0].name if beyond or easy else "loss_foreground"
        self.certificates = ShippedCertificates(f"scenes(rung={rung})", f"scenes-{rung}")

    def data(self, split: Split, seed: int) -> SceneSplit:
        """Return a split; `seed` changes only the training split, `version` fixes the others."""
        if split == "harder":
            assert self.harder_design is not None, "only scenes of varying number have an extrapolation split"
            return SceneSplit(self.harder_design, split, 0, self.lengths[split])
        if split == "train":
            return SceneSplit(self.design, split, seed, self.lengths[split])
        return SceneSplit(replace(self.design, ambiguous=False), split, 0, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean absolute error, a scalar."""
        return functional.l1_loss(output, target)

    def read_scene(self, inputs: Tensor) -> Reading | ShapeReading:
        """Return what the oracle reads in the images."""
        images = self.reader(inputs)
        return read_shape_depth(images) if self.design.shapes == "mixed" else read_depth(images)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact depth from the image alone, (batch, 1, size, size)."""
        return self.read_scene(inputs).depth

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove an image to have one answer, (batch,) bool each."""
        reading = self.read_scene(inputs)
        if isinstance(reading, ShapeReading):
            return {
                "every object can be completed": reading.has_completions,
                "all completions agree on every order": reading.is_ordered,
            }
        return {
            "F1 no opposite sides coincide": reading.sides_apart,
            "F2 overlapping boxes are ordered": reading.overlaps_ordered,
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the images, (batch,) each."""
        images = self.reader(inputs)
        return {
            "greatest level": (targets.flatten(1).amax(1) * DEPTHS).round() - 1,
            "share of greatest level": (targets == targets.amax((2, 3), keepdim=True))
            .float()
            .mean((1, 2, 3)),
            "objects in pieces": is_in_pieces(images).sum(1),
            "share of background": (images == 0).all(1).float().flatten(1).mean(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        areas = int(self.shape.size[0]) + 1
        return {
            "constant": controls.DepthTable(self.reader, controls.ignore_pixels, 1),
            "colour": controls.DepthTable(self.reader, controls.bin_colours, controls.SHADES**3),
            "area": controls.DepthTable(self.reader, controls.AreaBins(self.reader), areas),
            "pattern": controls.DepthTable(self.reader, controls.NeighbourPatterns(self.reader), 256),
            "window": build_image_window,
        }
