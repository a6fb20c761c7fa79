"""The law of a split's scenes: how objects are arranged, and how their surfaces look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality import scenes as rectangles
from probekit_probes.nonlocality.palette import RGB
from probekit_probes.nonlocality.samplers import Law
from probekit_probes.scenes.catalogue import RING, make_catalogue
from probekit_probes.scenes.colours import draw_colours
from probekit_probes.scenes.cues import CUES, classify_cues
from probekit_probes.scenes.photographs import crops
from probekit_probes.scenes.shapes import draw_shape_scenes, paint_shapes
from probekit_probes.scenes.surfaces import paint_index
from probekit_probes.scenes.textures import SHADES, draw_ramps, shade_scenes

COUNTING, COLOURING, TRYING, SHAPING, NUMBERING, TEXTURING = range(100, 106)
"""Streams of a scene; nonlocality's scenes use the numbers below."""
SceneParts = tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True)
class Design:
    """The distribution of scenes.

    Attributes:
        side: height and width in pixels.
        most: greatest number of objects.
        fewest: least number of objects; every number up to `most` is then as likely. None for nonlocality's
            law: a tenth of the scenes has one fewer, a tenth has two fewer, but never less than two.
        colours: "fixed", the ten colours and the black background of nonlocality; or "image", drawn anew for
            each image.
        shapes: "rectangles", or "mixed" for all shapes of the catalogue.
        cues: "all"; or the one cue that every image needs, a name of `CUES`.
        ambiguous: draw objects freely, without a filter.
        texture: "flat", one colour per surface; "patterns", four shades in stripes, dots or noise; or
            "photographs", eight shades of a crop of a picture.
    """

    side: int
    most: int
    fewest: int | None
    colours: str
    shapes: str = "rectangles"
    cues: str = "all"
    ambiguous: bool = False
    texture: str = "flat"

    @property
    def shades(self) -> int:
        """Number of colours of a surface."""
        return {"flat": 1, "patterns": SHADES, "photographs": crops.SHADES}[self.texture]

    @property
    def ring(self) -> int:
        """Pixels of background at each border, where no colour tells the background."""
        return 0 if self.colours == "fixed" else RING

    @property
    def hues(self) -> int:
        """Number of colours from which the objects of an image take theirs."""
        return rectangles.COLOURS if self.colours == "fixed" else self.most

    @property
    def arrangement(self) -> rectangles.Design:
        """The law of nonlocality that arranges rectangles; every two of a scene overlap."""
        inner = self.side - 2 * self.ring
        return rectangles.Design(
            (inner, inner), self.most, 1, self.hues, "down-set", self.ambiguous, Law(overlapping=True)
        )


def draw_scenes(design: Design, keys: streams.Words) -> SceneParts:
    """Draw one scene per key.

    Returns:
        Surface maps (scenes, height, width), 0 for the background; the level of each surface, (scenes, 11),
        0 where it does not show; its colours, (scenes, 11 * shades, 3); and with textures the shade of each
        pixel, (scenes, height, width).
    """
    surfaces, levels = arrange_needed_cues(design, keys)
    palettes = draw_palettes(design, keys)
    if design.texture == "flat":
        return surfaces, levels, palettes
    shade = shade_scenes if design.texture == "patterns" else crops.shade_crops
    shades = shade(streams.derive_keys(keys, TEXTURING), surfaces, design.most + 1)
    return surfaces, levels, palettes, shades


def arrange_needed_cues(design: Design, keys: streams.Words) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the surface maps and the levels of `draw_scenes`."""
    if design.cues == "all":
        return arrange_objects(design, keys)
    surfaces = np.zeros((len(keys), design.side, design.side), np.uint8)
    levels = np.zeros((len(keys), rectangles.COLOURS + 1), np.uint8)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        maps, new_levels = arrange_objects(design, streams.derive_keys(keys[pending], TRYING, tried))
        is_wanted = classify_cues(paint_index(torch.from_numpy(maps))).numpy() == CUES.index(design.cues)
        surfaces[pending[is_wanted]], levels[pending[is_wanted]] = maps[is_wanted], new_levels[is_wanted]
        pending, tried = pending[~is_wanted], tried + 1
    return surfaces, levels


def arrange_objects(design: Design, keys: streams.Words) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the surface maps and the levels of `draw_scenes`, whatever cues they need."""
    surfaces = np.zeros((len(keys), design.side, design.side), np.uint8)
    levels = np.empty((len(keys), rectangles.COLOURS + 1), np.uint8)
    inner = slice(design.ring, design.side - design.ring)
    numbers = draw_numbers(design, keys)
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        if design.shapes == "mixed":
            surfaces[rows], levels[rows] = arrange_shapes(design, keys[rows], int(number))
            continue
        maps, levels[rows] = rectangles.draw_scenes_of_count(design.arrangement, keys[rows], int(number))
        surfaces[rows, inner, inner] = maps
    return surfaces, levels


def arrange_shapes(
    design: Design, keys: streams.Words, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the surface maps and the levels of `draw_scenes`, with shapes of the catalogue."""
    catalogue = make_catalogue(design.side)
    shaping_keys = streams.derive_keys(keys, SHAPING, count)
    shapes = draw_shape_scenes(catalogue, shaping_keys, count, design.ambiguous, design.shades)
    words = streams.draw_words(streams.derive_keys(keys, NUMBERING), design.hues)
    hues = (np.argsort(words, axis=1)[:, :count] + 1).astype(np.uint8)
    levels = np.zeros((len(keys), rectangles.COLOURS + 1), np.uint8)
    np.put_along_axis(levels, hues.astype(np.int64), np.arange(1, count + 1, dtype=np.uint8)[None], axis=1)
    return paint_shapes(catalogue, shapes, hues), levels


def draw_numbers(design: Design, keys: streams.Words) -> NDArray[np.int64]:
    """Draw the number of objects of each scene."""
    if design.fewest is None:
        return rectangles.draw_counts(design.arrangement, keys)
    words = streams.draw_words(streams.derive_keys(keys, COUNTING), 1)[:, 0]
    return design.fewest + streams.to_integers(words, design.most - design.fewest + 1)


def draw_palettes(design: Design, keys: streams.Words) -> NDArray[np.uint8]:
    """Return the colours of each surface of each scene, the background first, (scenes, 11 * shades, 3)."""
    if design.texture != "flat":
        ramps = draw_ramps(streams.derive_keys(keys, COLOURING), design.most + 1, design.shades)
        return np.pad(ramps, [(0, 0), (0, len(RGB) * design.shades - ramps.shape[1]), (0, 0)])
    palettes = np.empty((len(keys), len(RGB), 3), np.uint8)
    palettes[:] = np.array(RGB, np.uint8)
    if design.colours == "image":
        palettes[:, : design.most + 1] = draw_colours(streams.derive_keys(keys, COLOURING), design.most + 1)
    return palettes
