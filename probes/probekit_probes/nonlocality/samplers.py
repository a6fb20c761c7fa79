"""A sampler draws unambiguous arrangements of rectangles, each the first accepted try of its stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probekit_probes import streams
from probekit_probes.nonlocality import sequential
from probekit_probes.nonlocality.filter import side_covered, unambiguous
from probekit_probes.nonlocality.ranks import Bits, Owners, levels, spans, true_relation

# How many tries are looked at together, and how many at most of one key: a try of "sequential" is dear.
CHUNK = {"sequential": 4096, "rejection": 8192}
AHEAD = {"sequential": 8, "rejection": 1024}
# Streams of one try; the sequential sampler's numbers 0 to 9 are the rectangles'.
ACROSS, DOWN, THINNING = 10, 11, 12

# lam of the tilt: minimises E[exp'(lam corr)] so that level and centrality are uncorrelated; see `fit_tilt`.
TILT: dict[str, dict[int, float]] = {
    "sequential": {3: -1.178, 4: -1.912, 5: -2.745, 6: -3.647, 7: -4.498, 8: -5.326, 9: -6.050, 10: -6.894},
    "rejection": {3: -1.110, 4: -1.941, 5: -2.723, 6: -3.510, 7: -4.294, 8: -5.053, 9: -5.776, 10: -6.465},
}


@dataclass(frozen=True, slots=True)
class Law:
    """What is drawn: `sampler` "sequential" or "rejection", thinned by the tilt where `balance`.

    overlapping: keep only arrangements in which every two boxes overlap; of these the middle tells next to
    nothing as they are (a correlation of 0.02), so they are not thinned. omit: filter rules left out, only
    to show that each is needed.
    """

    sampler: str = "sequential"
    balance: bool = True
    overlapping: bool = False
    omit: frozenset[str] = frozenset()


def pairing(words: streams.Words) -> Owners:
    """Return who owns the line of each rank, (scenes, 2n), from a word for each rectangle, (scenes, n).

    The halves of a word are the places of its ends: of random words every arrangement of each rectangle
    twice is equally likely, up to ties of 32 bits.
    """
    places = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=2)
    owners: Owners = np.argsort(places.reshape(-1, 2 * words.shape[1]), axis=1, kind="stable") // 2
    return owners


def arrange(law: Law, keys: streams.Words, count: int) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw a uniform arrangement for each key: whether it is kept, and its owners where it may be, else 0."""
    x, y = (streams.words(streams.key(keys, axis), count) for axis in (ACROSS, DOWN))
    kept = np.ones(len(keys), np.bool_)
    if "sides" not in law.omit:
        kept = ~side_covered(coarse(x), coarse(y))
    across, down = np.zeros((2, len(keys), 2 * count), np.int64)
    across[kept], down[kept] = pairing(x[kept]), pairing(y[kept])
    kept[kept] = unambiguous(across[kept], down[kept], law.omit)
    return kept, across, down


def coarse(words: streams.Words) -> NDArray[np.uint16]:
    """Return the two ends that `pairing` reads in each word, to 16 bits, (n, 2, scenes)."""
    ends = np.stack([words >> np.uint64(48), words >> np.uint64(16) & np.uint64(0xFFFF)])
    return ends.astype(np.uint16).transpose(2, 0, 1).copy()


def propose(law: Law, keys: streams.Words, count: int) -> tuple[NDArray[np.bool_], Owners, Owners]:
    """Draw one try for each key: whether it is accepted, and its owners across and down."""
    if law.sampler == "sequential":
        accepted, across, down = sequential.build(keys, count, law.omit)
    else:
        accepted, across, down = arrange(law, keys, count)
    if law.overlapping:
        accepted[accepted] = overlapping(across[accepted], down[accepted])
    if law.balance and not law.overlapping:
        chance = np.exp(tilt(law.sampler, count) * centrality(across[accepted], down[accepted]))
        accepted[accepted] = streams.uniform(streams.key(keys[accepted], THINNING), 1)[:, 0] < chance
    return accepted, across, down


def overlapping(across: Owners, down: Owners) -> NDArray[np.bool_]:
    """Tell in which arrangements every two boxes overlap, (scenes,): along an axis, all ends of boxes come
    after all beginnings."""
    count = across.shape[1] // 2
    found = np.ones(len(across), np.bool_)
    for owners in (across, down):
        ranks = np.argsort(owners, axis=1, kind="stable").reshape(-1, count, 2)
        found &= ranks[..., 0].max(axis=1) < ranks[..., 1].min(axis=1)
    return found


def tilt(sampler: str, count: int) -> float:
    """Return lam for this sampler and number of rectangles; one or two rectangles are left as they are."""
    return TILT[sampler].get(count, 0.0)


def centrality(across: Owners, down: Owners) -> NDArray[np.float64]:
    """Return the correlation of level and nearness to the middle, minus the squared distance in ranks.

    (scenes,), 0 where either is constant. Sums are of integers, hence exact whoever is computed with a scene.
    """
    count = across.shape[1] // 2
    everyone: Bits = np.full(len(across), (1 << count) - 1, np.uint16)
    level = levels(true_relation(spans(across), spans(down), everyone, count), everyone, "down-set").astype(
        np.int64
    )
    near = np.zeros_like(level)
    for owners in (across, down):
        ranks = np.argsort(owners, axis=1, kind="stable").reshape(-1, count, 2)
        near -= (ranks.sum(axis=2) - (2 * count - 1)) ** 2
    level = count * level - level.sum(axis=1, keepdims=True)
    near = count * near - near.sum(axis=1, keepdims=True)
    scale = np.sqrt((level**2).sum(axis=1) * (near**2).sum(axis=1))
    found: NDArray[np.float64] = np.divide(
        (level * near).sum(axis=1), scale, out=np.zeros(len(level)), where=scale > 0
    )
    return found


def first_accepted(law: Law, keys: streams.Words, count: int) -> tuple[Owners, Owners]:
    """Return for each key the first accepted try, owners across and down, (keys, 2n).

    Several tries of one key are looked at together while few keys are left; the first still wins, so what a
    key gives does not depend on who is drawn with it.
    """
    across = np.empty((len(keys), 2 * count), np.int64)
    down = np.empty_like(across)
    left = np.arange(len(keys))
    chunk, tried = CHUNK[law.sampler], 0
    while len(left):
        ahead = max(1, min(AHEAD[law.sampler], chunk // len(left)))
        for start in range(0, len(left), chunk):
            some = left[start : start + chunk]
            tries = streams.key(keys[some][:, None], tried + np.arange(ahead)).reshape(-1)
            accepted, x, y = propose(law, tries, count)
            grid = accepted.reshape(len(some), ahead)
            found = grid.any(axis=1)
            pick = np.flatnonzero(found) * ahead + grid[found].argmax(axis=1)
            across[some[found]], down[some[found]] = x[pick], y[pick]
            left[start : start + chunk][found] = -1
        left = left[left >= 0]
        tried += ahead
    return across, down


def fit_tilt(sampler: str, count: int, scenes: int = 20_000, seed: int = 0) -> float:
    """Return the lam at which the mean correlation of the thinned scenes is zero.

    With weights min(1, exp(lam c)) the weighted mean of c rises with lam, so bisection finds its root.
    """
    keys = streams.key(seed, np.arange(scenes))
    near = centrality(*first_accepted(Law(sampler, balance=False), keys, count))
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if np.sum(np.minimum(1, np.exp(middle * near)) * near) < 0 else (low, middle)
        )
    return round(middle, 3)
