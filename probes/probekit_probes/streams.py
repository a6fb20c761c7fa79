"""Random streams: a key names an endless row of random numbers, the same in any order of access."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix_words(values: Words) -> Words:
    """Scramble 64-bit words with splitmix64's finaliser (Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        mixed = values ^ (values >> np.uint64(30))  # the only copy: the rest is in place
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        return mixed


def derive_keys(*parts: int | NDArray[np.int64] | Words) -> Words:
    """Fold integers, or arrays of integers that broadcast, into keys; the order of the parts counts."""
    folded = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            part_words = part if isinstance(part, np.ndarray) else np.array(part % 2**64, np.uint64)
            folded = mix_words(folded + GOLDEN + mix_words(part_words.astype(np.uint64) + GOLDEN))
    return folded


def draw_words(keys: Words, count: int, start: int = 0) -> Words:
    """Draw `count` words of each stream, starting at word number `start`.

    Returns:
        Random words, (*keys.shape, count) uint64.
    """
    with np.errstate(over="ignore"):
        return mix_words(keys[..., None] + GOLDEN * np.arange(start + 1, start + count + 1, dtype=np.uint64))


def to_integers(values: Words, bound: int) -> NDArray[np.int64]:
    """Turn words into integers in [0, bound), uniform up to bound / 2^32."""
    return ((values >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def draw_uniform(keys: Words, count: int) -> NDArray[np.float64]:
    """Draw the first `count` numbers of each stream, (*keys.shape, count) float64 in [0, 1)."""
    numbers: NDArray[np.float64] = (draw_words(keys, count) >> np.uint64(11)) * np.float64(2.0**-53)
    return numbers
