"""Power: how likely more seeds decide a verdict, by the rule that judges it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from probekit.evidence.estimate import MIN_SEEDS, add_variances, choose_variance
from probekit.scores.interval import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LIKELY = 0.5
"""The least probability of a decision for which a number of seeds is named: the median."""
MOST_SEEDS = 2000
"""The most seeds that are considered."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a score, from which further seeds are predicted. All numbers are normalised.

    Attributes:
        mean: The mean over seeds.
        seeds: How many seeds there are.
        own: The variance over these seeds; 0 for one seed.
        predicted: The variance between seeds that a noise model predicts; None without a model.
        freedom: The degrees of freedom of the model.
        fixed: The squared error of the mean that further seeds do not make smaller: test items and floor.
        fixed_freedom: Its degrees of freedom.
    """

    mean: float
    seeds: int
    own: float
    predicted: float | None
    freedom: float = 1.0
    fixed: float = 0.0
    fixed_freedom: float = 1.0

    @property
    def spread(self) -> float:
        """The variance between seeds that is expected: what the model and the seeds say, by their weights."""
        if self.predicted is None:
            return self.own
        weight = self.seeds - 1
        return (self.freedom * self.predicted + weight * self.own) / (self.freedom + weight)

    def predict_margins(self, seeds: ArrayLike, confidence: float = CONFIDENCE) -> Floats:
        """Return half the width that the judged interval is expected to have with so many seeds."""
        import numpy as np
        from scipy.special import stdtrit

        seeds = np.asarray(seeds, dtype=float)
        predicted = np.nan if self.predicted is None else self.predicted
        variance, freedom = choose_variance(self.spread, seeds, predicted, self.freedom)
        square, total = add_variances(variance / seeds, freedom, self.fixed, self.fixed_freedom)
        margins = np.asarray(stdtrit(total, (1 + confidence) / 2) * np.sqrt(square))
        unknown = (seeds < MIN_SEEDS) if self.predicted is None else np.zeros(seeds.shape, dtype=bool)
        return np.where(unknown, np.inf, margins)

    def find_chance(
        self, seeds: ArrayLike, thresholds: Sequence[float], confidence: float = CONFIDENCE
    ) -> Floats:
        """Return how likely a verdict is decided with so many seeds.

        With n seeds of variance s^2, the mean of N seeds will be normal around the present mean with variance
        s^2 (1 / n - 1 / N), as nothing else is known of the true mean. It decides if its interval crosses no
        threshold.

        Args:
            seeds: Numbers of seeds, all larger than the present one.
            thresholds: Normalised scores at which the word changes.
            confidence: The level of the judged interval.
        """
        import numpy as np
        from scipy.special import ndtr

        seeds = np.asarray(seeds, dtype=float)
        margins = self.predict_margins(seeds, confidence)
        moves = np.sqrt(np.maximum(self.spread * (1 / self.seeds - 1 / seeds), np.finfo(float).tiny))
        ends = [-np.inf, *sorted(thresholds), np.inf]
        chance = np.zeros(seeds.shape)
        for low, high in pairwise(ends):
            least, greatest = low + margins, high - margins
            inside = ndtr((greatest - self.mean) / moves) - ndtr((least - self.mean) / moves)
            chance = chance + np.where(least < greatest, inside, 0)
        return chance

    def count_seeds(self, thresholds: Sequence[float], confidence: float = CONFIDENCE) -> int | None:
        """Return the least number of seeds that decides as likely as not; None if 2,000 do not."""
        import numpy as np

        seeds = np.arange(self.seeds + 1, MOST_SEEDS + 1)
        enough = self.find_chance(seeds, thresholds, confidence) >= LIKELY
        return int(seeds[enough.argmax()]) if enough.any() else None
