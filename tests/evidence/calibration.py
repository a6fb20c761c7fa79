"""Simulated tables: how often the rule claims what is not so, and how often it finds what is so.

Spreads are those that 31 layers had on the probe "grouping" at its scale "quick", over three seeds each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from probekit.evidence.differences import correct_by_holm, find_behind, find_differing
from probekit.evidence.estimate import choose_variance
from probekit.evidence.groups import MIN_SEEDS, WIDE
from probekit.evidence.noise_model import fit_noise, measure_room
from probekit.plugin.interfaces import Metric

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ACCURACY = Metric("accuracy", "higher", 1.0, lambda output, target, inputs: output, "", bounds=(0.0, 1.0))
MEANS = np.array([
    0.6433, 0.9999, 0.9995, 0.6609, 0.9942, 0.9982, 0.9985, 0.9844, 0.7012, 0.7877, 0.9161,
    0.7685, 0.9792, 0.9210, 0.9418, 0.8596, 0.9940, 0.9902, 0.8228, 0.9964, 0.9521, 0.9992,
    0.7044, 0.9996, 0.9810, 0.9836, 0.7955, 0.7862, 0.9999, 0.6456, 0.9907,
])  # fmt: skip
DEVIATIONS = np.array([
    0.06074, 0.0001, 0.0001, 0.01896, 0.00274, 0.00068, 0.00028, 0.00101, 0.01264, 0.01465, 0.00378,
    0.02914, 0.0025, 0.01336, 0.00326, 0.01401, 0.00604, 0.0039, 0.01389, 0.00052, 0.02178, 0.00028,
    0.04231, 0.00028, 0.00491, 0.00459, 0.02391, 0.01232, 0.0001, 0.00081, 0.00407,
])  # fmt: skip
RESOLUTION = 5e-4
SPREADS = ("equal", "real", "loud and calm", "3.6 x noise")
SHAPES = ("normal", "skewed", "one in ten fails", "80:20", "50:50")
STRUCTURES, SEEDS = (2, 5, 9, 31), (3, 5)
LOUD, CALM = 2.6, 0.04
"""Deviations relative to the fit of the loudest and of the calmest of the 31 layers, average and window."""


def room(scores: Floats) -> Floats:
    """Return how much room accuracies have to vary."""
    return measure_room(scores, ACCURACY, RESOLUTION)


TAU, GAMMA, _ = (float(value) for value in fit_noise(DEVIATIONS**2, room(MEANS), np.full(len(MEANS), 2)))
RATIOS = DEVIATIONS / np.sqrt(TAU) / room(MEANS) ** GAMMA


@dataclass(frozen=True)
class Setting:
    """A kind of tables: spreads of structures, shape of seeds, how many there are of both, and their mean."""

    spread: str
    shape: str
    structures: int
    seeds: int
    mean: float = 0.9

    @property
    def is_named(self) -> bool:
        """Whether the rule is known to claim too much.

        Three seeds may all fall on one side of two; and where others showed 3.6 times too little noise, the
        degrees of freedom of two structures with three seeds are a little too many (6.9 % instead of 5).
        """
        split = self.shape == "50:50" and self.seeds < MIN_SEEDS
        return split or (self.spread, self.structures, self.seeds) == ("3.6 x noise", 2, 3)


def draw_seeds(chance: np.random.Generator, shape: str, size: tuple[int, ...]) -> Floats:
    """Return scores of seeds with mean zero; a failing seed lies ten deviations below the others."""
    normal = chance.standard_normal(size)
    if shape == "normal":
        return normal
    if shape == "skewed":
        return chance.exponential(1.0, size) - 1
    if shape == "one in ten fails":
        return normal - 10 * (chance.random(size) < 0.1) + 1
    share = 0.2 if shape == "80:20" else 0.5
    return ((chance.random(size) < share) + 0.05 * normal - share) / np.sqrt(share * (1 - share) + 0.05**2)


def simulate(
    chance: np.random.Generator, setting: Setting, tables: int, gap: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return scores (tables, structures, seeds), and means and variances of others that were measured before.

    All structures have one true mean, but for `gap`, in deviations, by which all but the first are worse.
    """
    count = setting.structures
    order = np.argsort(chance.random((tables, len(MEANS))), 1)
    judged, others = order[:, :count], order[:, count:]
    ratios = {
        "equal": np.ones(judged.shape),
        "real": RATIOS[judged],
        "loud and calm": np.broadcast_to(np.where(np.arange(count) % 2, LOUD, CALM), judged.shape),
        "3.6 x noise": np.broadcast_to(np.where(np.arange(count) < 5, 3.6, 1.0), judged.shape),
    }[setting.spread]
    true = np.full(count, setting.mean)
    true[1:] -= gap * np.sqrt(TAU) * room(true[1:]) ** GAMMA
    deviations = ratios * np.sqrt(TAU) * room(true) ** GAMMA
    scores = true[:, None] + deviations[..., None] * draw_seeds(
        chance, setting.shape, (tables, count, setting.seeds)
    )
    plain = setting.spread in ("equal", "3.6 x noise")
    known = (1.0 if plain else RATIOS[others]) * np.sqrt(TAU) * room(MEANS[others]) ** GAMMA
    before = MEANS[others][..., None] + known[..., None] * draw_seeds(
        chance, setting.shape, (tables, len(MEANS) - count, 3)
    )
    return scores, before.mean(-1), before.var(-1, ddof=1)


def judge(scores: Floats, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Return means, squared errors and degrees of freedom, as `estimate_score` has them for one structure."""
    tables, count, seeds = scores.shape
    own, mean = scores.var(-1, ddof=1), scores.mean(-1)
    everything = [np.concatenate(pair, -1) for pair in ((variances, own), (room(means), room(mean)))]
    weights = np.concatenate(
        [np.full((count, means.shape[-1]), 2.0), (seeds - 1.0) * (1 - np.eye(count))], -1
    )
    shape = (tables, count, weights.shape[-1])
    tau, gamma, freedom = fit_noise(
        *(np.broadcast_to(array[:, None], shape) for array in everything), np.broadcast_to(weights, shape)
    )
    predicted = np.maximum(tau * room(mean) ** (2 * gamma), RESOLUTION**2)
    if seeds >= MIN_SEEDS:  # no order is claimed of seeds in two groups
        gaps = np.diff(np.sort(scores, -1), axis=-1)
        widest = gaps.max(-1)
        split = (widest > WIDE * np.sqrt(predicted)) & (widest > gaps.sum(-1) - widest)
    else:
        split = np.zeros(mean.shape, dtype=bool)
    variance, freedoms = choose_variance(own, seeds, predicted, freedom)
    return mean, np.where(split, np.inf, variance / seeds), freedoms


def judge_by_welch(scores: Floats, means: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the same by each structure's own seeds alone: the positive control."""
    seeds = scores.shape[-1]
    return scores.mean(-1), scores.var(-1, ddof=1) / seeds, np.full(scores.shape[:2], seeds - 1.0)


def judge_by_old_rule(scores: Floats, variances: Floats) -> Flags:
    """Return which structures version 0.1 called behind the best mean, (tables, structures).

    It pooled one noise, took the larger of it and the paired differences, and corrected all pairs by Holm.
    """
    _, count, seeds = scores.shape
    noise = np.sqrt(variances.mean(-1)) if variances.shape[-1] else np.full(len(scores), 0.0)
    degrees = count * (seeds - 1)
    squares = (scores.var(-1, ddof=1) * (seeds - 1)).sum(-1)
    freedom = np.where(squares <= degrees * (noise * 1.005) ** 2, max(4, degrees), 4)
    first, second = np.triu_indices(count, 1)
    by_pairs = (scores[:, first] - scores[:, second]).std(-1, ddof=1) / np.sqrt(seeds)
    by_noise = (noise * np.sqrt(2 / seeds))[:, None]
    difference = np.abs(scores.mean(-1)[:, first] - scores.mean(-1)[:, second])
    t = difference / np.maximum(by_noise, by_pairs)
    p = 2 * stdtr(np.where(by_noise >= by_pairs, freedom[:, None], 4), -t)
    differs = np.zeros((len(scores), count, count), dtype=bool)
    differs[:, first, second] = differs[:, second, first] = correct_by_holm(p) < 0.05
    best = scores.mean(-1).argmax(-1)
    return np.take_along_axis(differs, best[:, None, None].repeat(count, 1), -1)[..., 0]


def count_false_claims(estimates: tuple[Floats, Floats, Floats]) -> tuple[float, float]:
    """Return how often any pair of equal structures is told apart, and the best one is called behind."""
    differing = find_differing(*estimates).any((-1, -2)).mean()
    return float(differing), float(find_behind(*estimates).mean(0).max())


def settings() -> Iterator[Setting]:
    """Yield every kind of tables."""
    for spread, shape, count, seeds in product(SPREADS, SHAPES, STRUCTURES, SEEDS):
        yield Setting(spread, shape, count, seeds)


def limit(tables: int) -> float:
    """Return the largest share of false claims that chance allows: 5 % plus three standard errors."""
    return float(0.05 + 3 * np.sqrt(0.05 * 0.95 / tables))


def main(tables: int) -> None:
    """Print both tables as Markdown."""
    chance, started = np.random.default_rng(0), time.time()
    print(
        f"# How often the rule claims what is not so\n\n{tables:,} simulated tables a row; at most", end=" "
    )
    print(f"{limit(tables):.1%} is chance. Made by `python tests/evidence/calibration.py {tables}`.\n")
    print("| spreads | seeds are | structures | seeds | any pair (Holm) | the best is behind | named |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for one in settings():
        pair, behind = count_false_claims(judge(*simulate(chance, one, tables)))
        named = "named" if one.is_named else ""
        over = " **over**" if max(pair, behind) > limit(tables) else ""
        row = f"| {one.spread} | {one.shape} | {one.structures} | {one.seeds} | {pair:.1%} | {behind:.1%} |"
        print(f"{row} {named}{over} |", flush=True)
    print("\n# How often it finds what is so\n\nAll but the first structure are worse by four deviations.\n")
    print("| spreads | structures | seeds | version 0.1 | now |\n| --- | --- | --- | --- | --- |")
    for spread, count, seeds in product(("equal", "real"), STRUCTURES[:-1], SEEDS):
        scores, means, variances = simulate(chance, Setting(spread, "normal", count, seeds), tables, gap=4)
        old = judge_by_old_rule(scores, variances)[:, 1:].mean()
        now = find_behind(*judge(scores, means, variances))[:, 1:].mean()
        print(f"| {spread} | {count} | {seeds} | {old:.0%} | {now:.0%} |", flush=True)
    print(f"\n{time.time() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
