"""An estimate: a mean over seeds, how far it may be off, and the interval that a verdict judges.

Every verdict, claim, contrast and conclusion rests on these functions, and the interval that is judged is the
one that is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from probekit.evidence.noise_model import measure_spread
from probekit.plugin.interfaces import Metric
from probekit.scores.interval import CONFIDENCE, OPEN, Bounds, clip_interval
from probekit.storage.result import normalize_score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from probekit.evidence.noise_model import NoiseModel

    Floats = NDArray[np.float64]

MIN_SEEDS = 3
"""The fewest seeds whose own variance counts: two have one degree of freedom and would decide nothing."""
MAX_FREEDOM = 1e6
"""Beyond so many degrees of freedom, Student's t is the normal distribution."""
SAFETY = 2.0
"""By how much the variance of a noise model is raised: no structure varies exactly as others do."""


class Estimate(BaseModel):
    """A mean over seeds, and how far it may be off.

    Attributes:
        mean: The mean.
        error: Its standard error, with the noise between seeds and between test items.
        freedom: Degrees of freedom of the error.
        seeds: How many seeds there are.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    error: float
    freedom: float
    seeds: int

    def interval(self, bounds: Bounds = OPEN, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the ends of the interval of the mean, clipped to the bounds of the scores."""
        from scipy.special import stdtrit

        margin = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error
        return clip_interval(self.mean - margin, self.mean + margin, bounds)


def choose_variance(
    variances: ArrayLike, seeds: ArrayLike, predicted: ArrayLike, freedoms: ArrayLike
) -> tuple[Floats, Floats]:
    """Return the variance between seeds that counts, and its degrees of freedom.

    From three seeds on it is the larger of a structure's own variance and twice that of the noise model;
    below, the model's alone. What the own variance has in excess of the model's rests on the structure's few
    seeds, the rest on the model: so the degrees of freedom fall from the model's to those of the seeds as the
    excess grows, without a step.

    Args:
        variances: Each structure's own variance over seeds.
        seeds: How many seeds each has.
        predicted: The variance that a noise model predicts; nan without a model.
        freedoms: The degrees of freedom of the model.
    """
    import numpy as np

    variances, seeds = np.asarray(variances, dtype=float), np.asarray(seeds, dtype=float)
    model = SAFETY * np.asarray(predicted, dtype=float)
    missing = np.isnan(model)
    model = np.where(missing, 0, model)
    excess = np.where(seeds >= MIN_SEEDS, np.maximum(variances - model, 0), 0)
    return add_variances(model, np.where(missing, 1, freedoms), excess, np.maximum(seeds - 1, 1))


def add_variances(first: ArrayLike, first_freedom: ArrayLike, *rest: ArrayLike) -> tuple[Floats, Floats]:
    """Add variances of means; return the sum and its degrees of freedom, at most MAX_FREEDOM.

    They are Satterthwaite's (1946, Biometrics Bulletin 2).

    Args:
        first: A variance of a mean.
        first_freedom: Its degrees of freedom.
        rest: More pairs of them.
    """
    import numpy as np

    pairs = [(first, first_freedom), *zip(rest[::2], rest[1::2], strict=True)]
    variances = [np.asarray(variance, dtype=float) for variance, _ in pairs]
    total = np.asarray(sum(variances))
    parts = sum(v**2 / np.asarray(f, dtype=float) for v, (_, f) in zip(variances, pairs, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return total, np.minimum(np.where(parts > 0, total**2 / parts, MAX_FREEDOM), MAX_FREEDOM)


def estimate_mean(
    scores: Sequence[float],
    predicted: float | None,
    freedom: float,
    item_variance: float = 0.0,
    items: int = 0,
) -> Estimate | None:
    """Estimate a mean over seeds.

    Args:
        scores: The scores, one a seed.
        predicted: The variance between seeds that is known from elsewhere, None if it is not known.
        freedom: Its degrees of freedom.
        item_variance: The variance of the mean that comes from the choice of test items.
        items: How many test items there are.

    Returns:
        The estimate, or None if nothing tells how much seeds vary: below three seeds, or if all seeds agree,
        without a predicted variance.
    """
    import numpy as np

    seeds = len(scores)
    if not seeds or not all(map(isfinite, scores)):
        return None
    own = measure_spread(scores).variance
    if predicted is None and (seeds < MIN_SEEDS or not own):
        return None
    variance, own_freedom = choose_variance(own, seeds, np.nan if predicted is None else predicted, freedom)
    square, total_freedom = add_variances(variance / seeds, own_freedom, item_variance, max(items - 1, 1))
    return Estimate(
        mean=float(np.mean(scores)),
        error=sqrt(square),
        freedom=float(total_freedom),
        seeds=seeds,
    )


def estimate_score(
    scores: Sequence[float], model: NoiseModel | None, item_variance: float = 0.0, items: int = 0
) -> Estimate | None:
    """Estimate the mean of one structure's scores; the noise model is fitted on other structures."""
    import numpy as np

    if model is None or not scores:
        return estimate_mean(scores, None, 0, item_variance, items)
    predicted = float(model.predict(np.mean(scores)))
    return estimate_mean(scores, predicted, model.freedom, item_variance, items)


def normalize_estimate(
    estimate: Estimate, metric: Metric, floor: float | None, floor_error: float = 0.0
) -> Estimate | None:
    """Return an estimate of the normalised score: 0 is the floor, 1 is perfect.

    A floor that comes from trained networks is an estimate too, and its error is carried over.

    Args:
        estimate: The estimate of the score.
        metric: The metric of the score.
        floor: The metric's floor.
        floor_error: The standard error of the floor, over three seeds.
    """
    place = normalize_score(estimate.mean, floor, metric.perfect)
    if place is None or floor is None:
        return None
    span = abs(metric.perfect - floor)
    square, freedom = add_variances(
        (estimate.error / span) ** 2, estimate.freedom, ((1 - place) * floor_error / span) ** 2, MIN_SEEDS - 1
    )
    return estimate.model_copy(update={"mean": place, "error": sqrt(square), "freedom": float(freedom)})


def normalize_bounds(metric: Metric, floor: float | None) -> Bounds:
    """Return the least and the greatest normalised score; None where there is no limit."""
    ends = [None if end is None else normalize_score(end, floor, metric.perfect) for end in metric.bounds]
    return (ends[0], ends[1]) if metric.better == "higher" else (ends[1], ends[0])
