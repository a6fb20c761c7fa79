"""Scenes of catalogue shapes: each is the first accepted try of its stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.scenes.catalogue import Catalogue
from probekit_probes.scenes.completions import all_overlap, are_all_visible, find_visible, is_order_proved

CHUNK, AHEAD = 8192, 256
"""Number of tries in a batch, and the most of one key in it."""


def draw_shape_scenes(
    catalogue: Catalogue, keys: streams.Words, count: int, ambiguous: bool, least: int = 1
) -> NDArray[np.int64]:
    """Draw the objects of one scene per key.

    Args:
        catalogue: all shapes.
        keys: one per scene.
        count: number of objects.
        ambiguous: accept scenes whose order the image does not prove.
        least: least number of visible pixels of an object, where half the side is smaller.

    Returns:
        The shape of each object, from the lowest to the highest, (keys, count).
    """
    scenes = np.zeros((len(keys), count), np.int64)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        ahead = max(1, min(AHEAD, CHUNK // len(pending))) if tried else 1
        tries = streams.derive_keys(keys[pending][:, None], tried + np.arange(ahead)).reshape(-1)
        shapes = catalogue.draw_shapes(tries, count)
        accepted = accept_scenes(catalogue, shapes, ambiguous, least).reshape(-1, ahead)
        is_done = accepted.any(axis=1)
        pick = np.flatnonzero(is_done) * ahead + accepted[is_done].argmax(axis=1)
        scenes[pending[is_done]] = shapes[pick]
        pending, tried = pending[~is_done], tried + ahead
    return scenes


def accept_scenes(
    catalogue: Catalogue, shapes: NDArray[np.int64], ambiguous: bool, least: int = 1
) -> NDArray[np.bool_]:
    """Return which scenes are accepted, (scenes,)."""
    bits = catalogue.bits[shapes]
    accepted = all_overlap(bits)
    visible = find_visible(bits[accepted])
    accepted[accepted] = shown = are_all_visible(visible, max(catalogue.side // 2, least))
    if not ambiguous:
        accepted[accepted] = is_order_proved(catalogue, bits[accepted], visible[shown])
    return accepted


def paint_shapes(
    catalogue: Catalogue, shapes: NDArray[np.int64], hues: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Paint scenes.

    Args:
        catalogue: all shapes.
        shapes: the shape of each object, from the lowest to the highest, (scenes, n).
        hues: the number of each object in the map, (scenes, n).

    Returns:
        Surface maps, (scenes, side, side), 0 for the background.
    """
    surfaces = np.zeros((len(shapes), catalogue.side**2), np.uint8)
    for layer in range(shapes.shape[1]):
        np.copyto(surfaces, hues[:, layer, None], where=catalogue.masks[shapes[:, layer]])
    return surfaces.reshape(-1, catalogue.side, catalogue.side)
