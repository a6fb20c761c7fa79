"""The samplers of unambiguous arrangements of rectangles: each is the first accepted try of its stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality import sequential
from probekit_probes.nonlocality.filter import has_covered_side, is_unambiguous
from probekit_probes.nonlocality.ranks import Bits, Owners, compute_levels, compute_spans, true_relation

# Number of tries in a batch, and the most of one key in it: a try of "sequential" is expensive.
CHUNK = {"sequential": 4096, "rejection": 8192}
AHEAD = {"sequential": 8, "rejection": 1024}
# Streams of one try; the sequential sampler's numbers 0 to 9 belong to the rectangles.
ACROSS, DOWN, THINNING = 10, 11, 12

# lam of the tilt: minimises E[exp'(lam corr)] so that level and centrality are uncorrelated; see `fit_tilt`.
TILT: dict[str, dict[int, float]] = {
    "sequential": {3: -1.178, 4: -1.912, 5: -2.745, 6: -3.647, 7: -4.498, 8: -5.326, 9: -6.050, 10: -6.894},
    "rejection": {3: -1.110, 4: -1.941, 5: -2.723, 6: -3.510, 7: -4.294, 8: -5.053, 9: -5.776, 10: -6.465},
}


@dataclass(frozen=True, slots=True)
class Law:
    """The distribution of arrangements.

    Attributes:
        sampler: "sequential" or "rejection".
        balance: thin the arrangements by the tilt.
        overlapping: keep only arrangements in which every two boxes overlap. In these, level and centrality
            are almost uncorrelated (0.02), so they are not thinned.
        omit: filter rules to leave out, only to show that each is needed.
    """

    sampler: str = "sequential"
    balance: bool = True
    overlapping: bool = False
    omit: frozenset[str] = frozenset()


def pair_ends(words: streams.Words) -> Owners:
    """Turn one word per rectangle, (scenes, n), into the owner of the line of each rank, (scenes, 2n).

    The halves of a word are the positions of its ends. From random words, every arrangement of each rectangle
    twice is equally likely, up to ties of 32 bits.
    """
    ends = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=2)
    owners: Owners = np.argsort(ends.reshape(-1, 2 * words.shape[1]), axis=1, kind="stable") // 2
    return owners


def draw_arrangements(law: Law, keys: streams.Words, count: int) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one uniform arrangement per key.

    Returns:
        Whether it is accepted, and its owners across and down, zero if the first test rejects it.
    """
    x, y = (streams.draw_words(streams.derive_keys(keys, axis), count) for axis in (ACROSS, DOWN))
    accepted = np.ones(len(keys), np.bool_)
    if "sides" not in law.omit:
        accepted = ~has_covered_side(coarsen_ends(x), coarsen_ends(y))
    across, down = np.zeros((2, len(keys), 2 * count), np.int64)
    across[accepted], down[accepted] = pair_ends(x[accepted]), pair_ends(y[accepted])
    accepted[accepted] = is_unambiguous(across[accepted], down[accepted], law.omit)
    return accepted, across, down


def coarsen_ends(words: streams.Words) -> NDArray[np.uint16]:
    """Return the two ends that `pairing` reads in each word, to 16 bits, (n, 2, scenes)."""
    ends = np.stack([words >> np.uint64(48), words >> np.uint64(16) & np.uint64(0xFFFF)])
    return ends.astype(np.uint16).transpose(2, 0, 1).copy()


def propose_arrangements(
    law: Law, keys: streams.Words, count: int
) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one try per key: whether it is accepted, and its owners across and down."""
    if law.sampler == "sequential":
        accepted, across, down = sequential.build_scenes(keys, count, law.omit)
    else:
        accepted, across, down = draw_arrangements(law, keys, count)
    if law.overlapping:
        accepted[accepted] = all_overlap(across[accepted], down[accepted])
    if law.balance and not law.overlapping:
        chance = np.exp(
            tilt_strength(law.sampler, count) * correlate_centrality(across[accepted], down[accepted])
        )
        accepted[accepted] = (
            streams.draw_uniform(streams.derive_keys(keys[accepted], THINNING), 1)[:, 0] < chance
        )
    return accepted, across, down


def all_overlap(across: Owners, down: Owners) -> NDArray[np.bool_]:
    """Return in which arrangements every two boxes overlap, (scenes,).

    Along an axis, all ends of boxes then come after all beginnings.
    """
    count = across.shape[1] // 2
    overlap = np.ones(len(across), np.bool_)
    for owners in (across, down):
        ranks = np.argsort(owners, axis=1, kind="stable").reshape(-1, count, 2)
        overlap &= ranks[..., 0].max(axis=1) < ranks[..., 1].min(axis=1)
    return overlap


def tilt_strength(sampler: str, count: int) -> float:
    """Return lam for a sampler and a number of rectangles; scenes of one or two are not tilted."""
    return TILT[sampler].get(count, 0.0)


def correlate_centrality(across: Owners, down: Owners) -> NDArray[np.float64]:
    """Return the correlation of a rectangle's level with its centrality, (scenes,).

    Centrality is minus the squared distance from the middle, in ranks. The correlation is 0 where either is
    constant. The sums are of integers, so they are exact in any batch.
    """
    count = across.shape[1] // 2
    visible: Bits = np.full(len(across), (1 << count) - 1, np.uint16)
    relation = true_relation(compute_spans(across), compute_spans(down), visible, count)
    level = compute_levels(relation, visible, "down-set").astype(np.int64)
    near = np.zeros_like(level)
    for owners in (across, down):
        ranks = np.argsort(owners, axis=1, kind="stable").reshape(-1, count, 2)
        near -= (ranks.sum(axis=2) - (2 * count - 1)) ** 2
    level = count * level - level.sum(axis=1, keepdims=True)
    near = count * near - near.sum(axis=1, keepdims=True)
    scale = np.sqrt((level**2).sum(axis=1) * (near**2).sum(axis=1))
    correlation: NDArray[np.float64] = np.divide(
        (level * near).sum(axis=1), scale, out=np.zeros(len(level)), where=scale > 0
    )
    return correlation


def draw_accepted(law: Law, keys: streams.Words, count: int) -> tuple[Owners, Owners]:
    """Draw the first accepted try of each key.

    When few keys are left, several tries of one key share a batch. The first accepted one still wins, so the
    result of a key does not depend on the other keys.

    Returns:
        Owners across and down, (keys, 2n) each.
    """
    across = np.empty((len(keys), 2 * count), np.int64)
    down = np.empty_like(across)
    pending = np.arange(len(keys))
    chunk, tried = CHUNK[law.sampler], 0
    while len(pending):
        ahead = max(1, min(AHEAD[law.sampler], chunk // len(pending)))
        for start in range(0, len(pending), chunk):
            batch = pending[start : start + chunk]
            tries = streams.derive_keys(keys[batch][:, None], tried + np.arange(ahead)).reshape(-1)
            accepted, x, y = propose_arrangements(law, tries, count)
            grid = accepted.reshape(len(batch), ahead)
            is_done = grid.any(axis=1)
            pick = np.flatnonzero(is_done) * ahead + grid[is_done].argmax(axis=1)
            across[batch[is_done]], down[batch[is_done]] = x[pick], y[pick]
            pending[start : start + chunk][is_done] = -1
        pending = pending[pending >= 0]
        tried += ahead
    return across, down


def fit_tilt(sampler: str, count: int, scenes: int = 20_000, seed: int = 0) -> float:
    """Return the lam at which the mean correlation of the thinned scenes is zero.

    With weights min(1, exp(lam c)) the weighted mean of c rises with lam, so bisection finds its root.
    """
    keys = streams.derive_keys(seed, np.arange(scenes))
    correlation = correlate_centrality(*draw_accepted(Law(sampler, balance=False), keys, count))
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.minimum(1, np.exp(middle * correlation))
        low, high = (middle, high) if np.sum(weights * correlation) < 0 else (low, middle)
    return round(middle, 3)
