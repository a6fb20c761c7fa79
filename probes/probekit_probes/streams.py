"""A stream is an endless row of random numbers named by a key: the same whoever asks, in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(words: Words) -> Words:
    """Scramble 64-bit words by splitmix64's finaliser (Steele, Lea and Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        words = words ^ (words >> np.uint64(30))  # the one copy: what follows is in place
        words *= np.uint64(0xBF58476D1CE4E5B9)
        words ^= words >> np.uint64(27)
        words *= np.uint64(0x94D049BB133111EB)
        words ^= words >> np.uint64(31)
        return words


def key(*parts: int | NDArray[np.int64] | Words) -> Words:
    """Fold integers, or arrays of them that broadcast, into keys; their order counts."""
    folded = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            words = part if isinstance(part, np.ndarray) else np.array(part % 2**64, np.uint64)
            folded = mix(folded + GOLDEN + mix(words.astype(np.uint64) + GOLDEN))
    return folded


def words(keys: Words, count: int, start: int = 0) -> Words:
    """Return `count` words of each stream from number `start` on, (*keys.shape, count)."""
    with np.errstate(over="ignore"):
        return mix(keys[..., None] + GOLDEN * np.arange(start + 1, start + count + 1, dtype=np.uint64))


def below(words: Words, bound: int) -> NDArray[np.int64]:
    """Turn words into integers in [0, bound), uniform up to bound / 2^32."""
    return ((words >> np.uint64(32)) * np.uint64(bound) >> np.uint64(32)).astype(np.int64)


def uniform(keys: Words, count: int) -> NDArray[np.float64]:
    """Return the first `count` numbers of each stream, float64 in [0, 1), (*keys.shape, count)."""
    numbers: NDArray[np.float64] = (words(keys, count) >> np.uint64(11)) * np.float64(2.0**-53)
    return numbers
