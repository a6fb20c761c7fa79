"""Crops of photographs as textures: each surface shows a crop in the shades of its colour ramp.

The visible pixels of a surface are sorted by grey value and cut into shades of equal number. So all surfaces
show each shade equally often, whatever the picture: the mean and the variance of a surface are those of its
ramp, whose law is the same for all levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.scenes.photographs.pictures import load_planes

SHADES = 8
WORDS = 3
"""Random words per surface: picture and zoom, row, column."""
GREY_BITS = 18


def shade_crops(keys: streams.Words, surfaces: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Draw the crop of each surface.

    Args:
        keys: one per scene, (scenes,).
        surfaces: surface maps, (scenes, height, width).
        count: greatest number of surfaces.

    Returns:
        The shade of each pixel, from 0 to 7, (scenes, height, width).
    """
    index = surfaces.reshape(len(surfaces), -1).astype(np.int64)
    grey = look_up_grey(keys, index, surfaces.shape[1:], count)
    pixels = index.shape[1]
    # Distinct numbers, so that every sort gives the same order.
    order = np.argsort(((index << GREY_BITS) + grey) * pixels + np.arange(pixels), axis=1)
    cells = np.arange(len(index))[:, None] * count + index
    numbers = np.bincount(cells.ravel(), minlength=len(index) * count).reshape(len(index), count)
    starts = numbers.cumsum(axis=1) - numbers
    ordered = np.take_along_axis(index, order, axis=1)
    ranks = np.arange(pixels) - np.take_along_axis(starts, ordered, axis=1)
    shades = np.empty(index.shape, np.uint8)
    ordered_shades = ranks * SHADES // np.take_along_axis(numbers, ordered, axis=1)
    np.put_along_axis(shades, order, ordered_shades.astype(np.uint8), axis=1)
    return shades.reshape(surfaces.shape)


def look_up_grey(
    keys: streams.Words, index: NDArray[np.int64], size: tuple[int, ...], count: int
) -> NDArray[np.int64]:
    """Return the grey value of each pixel in the crop of its surface, (scenes, pixels)."""
    planes = load_planes()
    words = streams.draw_words(streams.derive_keys(keys[:, None], np.arange(count)), WORDS)
    plane = streams.to_integers(words[..., 0], len(planes.starts))
    heights, widths = planes.heights[plane], planes.widths[plane]
    tops, lefts = (
        streams.to_integers(words[..., axis + 1], 1 << 16) * np.maximum(sides - size[axis] + 1, 1) >> 16
        for axis, sides in enumerate((heights, widths))
    )
    row, column = np.divmod(np.arange(size[0] * size[1]), size[1])
    scene = np.arange(len(index))[:, None]
    rows = reflect_index(tops[scene, index] + row, heights[scene, index])
    columns = reflect_index(lefts[scene, index] + column, widths[scene, index])
    return planes.pixels[planes.starts[plane][scene, index] + rows * widths[scene, index] + columns]


def reflect_index(index: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reflect indices at the ends of a line: a frame can be larger than a picture."""
    turned = index % (2 * length)
    reflected: NDArray[np.int64] = np.minimum(turned, 2 * length - 1 - turned)
    return reflected
