"""Textures: each surface has four shades of a random colour ramp, in stripes, dots or band-limited noise.

A texture is a sum of waves, cut at its quartiles: one wave for stripes, two perpendicular waves for dots,
four waves in all directions for noise. So all kinds show each shade equally often, and mean and variance have
one law. All arithmetic is in whole numbers, so that every machine draws the same images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams

SHADES = 4
TURN = 256
"""Steps of phase in a wave."""
SLOWEST, FASTEST = 28, 64
"""Change of phase per pixel: a wave is nine to four pixels long."""
KINDS = ("stripes", "dots", "noise")
WAVES = np.array([1, 2, 4])
"""Number of waves of each kind."""
UNIT = 4096
QUARTILES = np.array([0.707, 0.72, 1.0]) * UNIT
"""Upper quartile of the sum of one, two and four waves."""
COSINES = np.round(UNIT * np.cos(2 * np.pi * np.arange(TURN) / TURN)).astype(np.int64)
WORDS = 13
"""Random words per texture: its kind, then direction, speed and phase of each wave."""
LONGEST, LEAST_CONTRAST = 108, 96
"""Greatest length of a ramp in each channel, and the least in RGB, in steps of 8 bits."""
LEAST_DISTANCE = 16
"""Least distance in RGB of two shades of different surfaces."""
ODD = (1 << 20) + (1 << 10) + 1
"""The lowest bits of the channels of a packed colour."""
RAMPING, WAVING = 0, 1


def shade_scenes(keys: streams.Words, surfaces: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Draw the texture of each surface, anew until its visible part shows all four shades.

    Args:
        keys: one per scene, (scenes,).
        surfaces: surface maps, (scenes, height, width).
        count: greatest number of surfaces.

    Returns:
        The shade of each pixel, from 0 to 3, (scenes, height, width).
    """
    index = surfaces.reshape(len(surfaces), -1).astype(np.int64)
    shades = np.zeros(index.shape, np.uint8)
    surface_keys = streams.derive_keys(keys[:, None], WAVING, np.arange(count))
    words = streams.draw_words(surface_keys, WORDS)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        shades[pending] = shade_pixels(index[pending], words[pending], surfaces.shape[1:])
        cells = (np.arange(len(pending))[:, None] * count + index[pending]) * SHADES + shades[pending]
        shown = np.bincount(cells.ravel(), minlength=len(pending) * count * SHADES) > 0
        numbers = shown.reshape(len(pending), count, SHADES).sum(2)
        is_open = (numbers > 0) & (numbers < SHADES)
        scene, surface = np.nonzero(is_open)
        tried += WORDS
        words[pending[scene], surface] = streams.draw_words(
            surface_keys[pending[scene], surface], WORDS, tried
        )
        pending = pending[is_open.any(axis=1)]
    return shades.reshape(surfaces.shape)


def shade_pixels(index: NDArray[np.int64], words: streams.Words, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the shade of each pixel.

    Args:
        index: surface of each pixel, (scenes, pixels).
        words: random words of each texture, (scenes, surfaces, 13).
        size: height and width.

    Returns:
        (scenes, pixels).
    """
    kinds = streams.to_integers(words[..., 0], len(KINDS))
    directions, speeds, phases = (
        streams.to_integers(words[..., start::3], bound)
        for start, bound in ((1, TURN), (2, FASTEST - SLOWEST + 1), (3, TURN))
    )
    is_dots = kinds == KINDS.index("dots")
    directions[is_dots, 1] = directions[is_dots, 0] + TURN // 4
    speeds += SLOWEST
    speeds[is_dots, 1] = speeds[is_dots, 0]
    down = speeds * COSINES[directions % TURN] // UNIT
    across = speeds * COSINES[(directions - TURN // 4) % TURN] // UNIT
    row, column = np.divmod(np.arange(size[0] * size[1]), size[1])
    rows = np.arange(len(index))[:, None]
    heights = np.zeros(index.shape, np.int64)
    for wave in range(WAVES.max()):
        strengths = (WAVES[kinds] > wave)[rows, index]
        phase = phases[..., wave][rows, index]
        phase += down[..., wave][rows, index] * row
        phase += across[..., wave][rows, index] * column
        heights += COSINES[phase % TURN] * strengths
    quartiles = QUARTILES[kinds][rows, index]
    return ((heights > -quartiles).astype(np.uint8) + (heights > 0)) + (heights > quartiles)


def draw_ramps(keys: streams.Words, count: int, shades: int = SHADES) -> NDArray[np.uint8]:
    """Draw the shades of each surface: colours at equal steps on a line in RGB.

    The ramps of an image are drawn anew until no three shades, other than neighbours of one ramp, are equally
    spaced on a line, and all shades of different ramps are far enough apart. So the colours of an image tell
    which of them belong together.

    Args:
        keys: one per image, (images,).
        count: number of surfaces of an image.
        shades: number of shades of a surface. The length of a ramp hardly depends on it.

    Returns:
        RGB, (images, count * shades, 3).
    """
    longest, least = LONGEST // (shades - 1), LEAST_CONTRAST / (shades - 1)
    ramps = np.zeros((len(keys), count, shades, 3), np.int64)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        ramp_keys = streams.derive_keys(keys[pending], RAMPING, tried)
        words = streams.draw_words(ramp_keys, count * 6).reshape(-1, count, 2, 3)
        steps = streams.to_integers(words[:, :, 0], 2 * longest + 1) - longest
        lengths = (shades - 1) * np.abs(steps)
        starts = (words[:, :, 1] >> np.uint64(32)).astype(np.int64) * (256 - lengths) >> 32
        starts += np.where(steps < 0, lengths, 0)
        proposals = starts[:, :, None] + steps[:, :, None] * np.arange(shades)[:, None]
        is_strong = ((steps**2).sum(axis=2) >= least**2).all(axis=1)
        is_accepted = is_strong.copy()
        is_accepted[is_strong] = are_ramps_apart(proposals[is_strong])
        ramps[pending[is_accepted]] = proposals[is_accepted]
        pending, tried = pending[~is_accepted], tried + 1
    return ramps.reshape(len(keys), count * shades, 3).astype(np.uint8)


def are_ramps_apart(ramps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which images have shades that can be told apart, (images, count, shades, 3) -> (images,)."""
    shades = ramps.reshape(len(ramps), ramps.shape[1] * ramps.shape[2], 3)
    ramp = np.arange(shades.shape[1]) // ramps.shape[2]
    squares = ((shades[:, :, None] - shades[:, None]) ** 2).sum(axis=3)
    is_far = (squares >= LEAST_DISTANCE**2) | (ramp[:, None] == ramp)
    packed = (shades << np.array([20, 10, 0])).sum(axis=2)
    apart: NDArray[np.bool_] = is_far.all(axis=(1, 2))
    # The middle of two shades is a shade only within a ramp; a middle between two colours is none.
    sums = packed[apart, :, None] + packed[apart, None]
    is_pair = ((sums & ODD) == 0) & (np.arange(len(ramp))[:, None] < np.arange(len(ramp)))
    image, first, second = np.nonzero(is_pair)
    hits = packed[apart][image] == sums[image, first, second, None] >> 1
    is_foreign = (ramp[first, None] != ramp) | (ramp[second, None] != ramp)
    is_clear = np.ones(len(sums), np.bool_)
    is_clear[image[(hits & is_foreign).any(axis=1)]] = False
    apart[apart] = is_clear
    return apart
