"""Colours of an image: drawn at random, every two at a least distance in RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams

LEAST_DISTANCE = 80
"""Least distance of two flat colours of an image, in steps of 8 bits."""
PROPOSALS = 24
"""Colours that are proposed for an image at a time."""


def draw_colours(keys: streams.Words, count: int) -> NDArray[np.uint8]:
    """Draw colours for each image; each is the first proposal that is far enough from those before it.

    Args:
        keys: one per image, (images,).
        count: number of colours.

    Returns:
        RGB, (images, count, 3).
    """
    chosen = np.zeros((len(keys), count, 3), np.int64)
    numbers = np.zeros(len(keys), np.int64)
    pending, tried = np.arange(len(keys)), 0
    while len(pending):
        words = streams.draw_words(keys[pending], 3 * PROPOSALS, 3 * tried)
        proposals = streams.to_integers(words, 256).reshape(-1, PROPOSALS, 3)
        for proposal in proposals.swapaxes(0, 1):
            squares = ((chosen[pending] - proposal[:, None]) ** 2).sum(axis=2)
            is_open = np.arange(count) >= numbers[pending, None]
            is_far = (is_open | (squares >= LEAST_DISTANCE**2)).all(axis=1) & (numbers[pending] < count)
            accepted = pending[is_far]
            chosen[accepted, numbers[accepted]] = proposal[is_far]
            numbers[accepted] += 1
        pending = pending[numbers[pending] < count]
        tried += PROPOSALS
    return chosen.astype(np.uint8)
