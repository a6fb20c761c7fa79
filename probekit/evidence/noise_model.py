"""A noise model: how much scores vary between seeds, as a function of the score.

The nearer a score is to the end of its range, the less seeds can move it. So the deviation between seeds is
modelled as tau * room ** gamma, where room is the distance of the score to the ends of its range, and tau and
gamma are fitted on other structures than the one that is judged. All functions take arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from probekit.plugin.declarations import Metric, SeedSpread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

EXPONENTS = tuple(step / 20 for step in range(21))
"""Values of gamma that are tried."""
FITTED = 2
"""Parameters of the model, tau and gamma: each costs one degree of freedom."""
MIN_STRUCTURES = 4
"""The fewest other structures on which a model may rest."""
STATED_FREEDOM = 4
"""Degrees of freedom of a noise that a probe states as one number."""


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Variance between seeds as a function of the score.

    Attributes:
        variance: tau squared.
        exponent: gamma, from 0 to 1.
        freedom: Degrees of freedom of the fit.
        metric: The metric of the scores.
        resolution: The least deviation; see `measure_resolution`.
    """

    variance: float
    exponent: float
    freedom: float
    metric: Metric
    resolution: float = 0.0

    def predict(self, scores: ArrayLike) -> Floats:
        """Return the variance between seeds at these scores."""
        import numpy as np

        room = measure_room(scores, self.metric, self.resolution)
        return np.maximum(self.variance * room ** (2 * self.exponent), self.resolution**2)


@dataclass(frozen=True, slots=True)
class ScaleNoise:
    """What is known about the noise between seeds at a scale, in one metric.

    Attributes:
        metric: The metric of the scores.
        spreads: How much each structure varies, by its canonical text: those that were measured with the
            probe, and those that are judged beside each other.
        stated: The standard deviation between seeds, if the probe states one number; None otherwise.
        resolution: The least deviation; see `measure_resolution`.
    """

    metric: Metric
    spreads: Mapping[str, SeedSpread] = field(default_factory=dict)
    stated: float | None = None
    resolution: float = 0.0

    def fit_without(self, *judged: str) -> NoiseModel | None:
        """Fit the noise on other structures than those that are judged.

        Returns:
            The model. Where fewer than four other structures vary, it is the stated number, or None.
        """
        others = [spread for name, spread in self.spreads.items() if name not in judged and spread.seeds > 1]
        if len(others) >= MIN_STRUCTURES:
            tau, gamma, freedom = fit_noise(
                [spread.variance for spread in others],
                measure_room([spread.mean for spread in others], self.metric, self.resolution),
                [spread.seeds - 1 for spread in others],
            )
            if tau:
                return NoiseModel(float(tau), float(gamma), float(freedom), self.metric, self.resolution)
        if not self.stated:
            return None
        return NoiseModel(self.stated**2, 0.0, STATED_FREEDOM, self.metric, self.resolution)


def measure_spread(scores: Sequence[float], runs: Sequence[str] = ()) -> SeedSpread:
    """Return how much the scores of one structure vary, one score a seed."""
    import numpy as np

    # numpy's variance of equal numbers is not always zero
    variance = float(np.var(scores, ddof=1)) if len(set(scores)) > 1 else 0.0
    return SeedSpread(float(np.mean(scores)), variance, len(scores), tuple(runs))


def measure_resolution(metric: Metric, floor: float | None, items: int) -> float:
    """Return what one test item of `items` can change: no score is less certain than that.

    Args:
        metric: The metric, whose range is from the floor to perfect.
        floor: The metric's floor, None if unknown.
        items: How many test items it applies to.
    """
    worst = metric.chance if floor is None else floor
    if items < 1 or worst is None or not isfinite(worst) or not isfinite(metric.perfect):
        return 0.0
    return abs(metric.perfect - worst) / items


def measure_room(scores: ArrayLike, metric: Metric, resolution: float = 0.0) -> Floats:
    """Return how much room scores have to vary, of the shape of `scores`.

    That is err * (1 - err) for a metric with two bounds, where err is the distance from perfect relative to
    the range; the distance from perfect for one with a finite perfect score; else 1.
    """
    import numpy as np

    values = np.asarray(scores, dtype=float)
    if not isfinite(metric.perfect):
        return np.ones_like(values)
    error = np.abs(values - metric.perfect)
    least, greatest = metric.bounds
    if least is None or greatest is None:
        return np.maximum(error, resolution or np.finfo(float).tiny)
    span = greatest - least
    share = min(resolution / span, 0.5) or np.finfo(float).eps
    error = np.clip(error / span, share, 1 - share)
    return np.asarray(error * (1 - error))


def fit_noise(variances: ArrayLike, rooms: ArrayLike, freedoms: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Fit noise models by gamma regression of variances on rooms.

    A variance over n seeds is tau^2 * room^(2 gamma) times a chi-square, whatever its size; zero is a fair
    value. gamma is searched on a grid, and for each gamma tau has a closed form.

    Args:
        variances: Variances over the seeds of each structure, (..., structures).
        rooms: Their rooms, of the same shape.
        freedoms: Their degrees of freedom, of the same shape; 0 leaves a structure out.

    Returns:
        tau squared, gamma and the degrees of freedom of each fit, (...).
    """
    import numpy as np

    variances, weights = np.asarray(variances, dtype=float), np.asarray(freedoms, dtype=float)
    log_rooms = np.log(np.asarray(rooms, dtype=float))
    total = np.maximum(weights.sum(-1), 1)
    center = (weights * log_rooms).sum(-1) / total
    best = np.full(total.shape, np.inf)
    tau, gamma, freedom = np.zeros(total.shape), np.zeros(total.shape), np.ones(total.shape)
    for exponent in EXPONENTS:
        ratios = variances * np.exp(-2 * exponent * log_rooms)
        scaled = (weights * ratios).sum(-1) / total
        deviance = np.log(np.maximum(scaled, np.finfo(float).tiny)) + 2 * exponent * center
        better = deviance < best - 1e-12
        best = np.where(better, deviance, best)
        tau, gamma = np.where(better, scaled, tau), np.where(better, exponent, gamma)
        freedom = np.where(better, count_freedom(ratios, weights), freedom)
    return tau, gamma, np.clip(freedom, 1, np.maximum(weights.sum(-1) - FITTED, 1))


def count_freedom(ratios: Floats, weights: Floats) -> Floats:
    """Return the degrees of freedom of a weighted mean of variances, (...), by Satterthwaite.

    Where all structures vary alike these are the sum of the weights. Where a few vary much more than others,
    they are about those of the few: the mean then rests on them alone. The square of a variance is too large
    by 1 + 2 / weight on average, which is taken out.
    """
    import numpy as np

    squares = (weights * ratios**2 * weights / (weights + 2)).sum(-1)
    return np.where(squares > 0, (weights * ratios).sum(-1) ** 2 / np.where(squares > 0, squares, 1), 1.0)
