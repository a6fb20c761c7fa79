"""Groups: whether the seeds of one structure fall in two, those that learned and those that did not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import mean
from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Metric
from probekit.storage.result import normalize_score

if TYPE_CHECKING:
    from probekit.evidence.noise_model import NoiseModel

Groups = tuple[list[float], list[float]]
"""The scores of the lower and of the upper group."""
MIN_SEEDS = 4
"""The fewest seeds of which two groups are told."""
WIDE = 4.0
"""How many standard deviations between seeds the gap must be wide."""


def split_seeds(scores: Sequence[float], model: NoiseModel | None) -> Groups | None:
    """Split the scores of one structure where its seeds fall in two groups.

    They do where the largest gap is wider than four standard deviations between seeds, and than all other
    gaps together. A mean over such seeds describes none of them.

    Args:
        scores: The scores, one a seed.
        model: The noise model, fitted on other structures; without one no groups are told.

    Returns:
        The lower and the upper group, or None if there is one group.
    """
    if model is None or len(scores) < MIN_SEEDS:
        return None
    ordered = sorted(scores)
    gaps = [high - low for low, high in pairwise(ordered)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    deviation = sqrt(float(model.predict(sum(scores) / len(scores))))
    if gaps[widest] <= max(WIDE * deviation, sum(gaps) - gaps[widest]):
        return None
    return ordered[: widest + 1], ordered[widest + 1 :]


def normalize_groups(
    groups: Groups | None, metric: Metric, floor: float | None
) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """Return how many seeds each of two groups has and its normalised mean, the worse group first."""
    places = [
        (len(group), place)
        for group in groups or ()
        if (place := normalize_score(mean(group), floor, metric.perfect)) is not None
    ]
    if len(places) < 2:
        return None
    worse, better = sorted(places, key=lambda group: group[1])
    return worse, better
