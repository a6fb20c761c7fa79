"""Differences of structures, corrected for how many are asked: which are behind the best, which differ.

All functions take arrays of means, of squared standard errors and of degrees of freedom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.evidence.estimate import Estimate, add_variances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

ALPHA = 0.05
"""Probability of any false claim among all that are asked at once."""


def welch_t(
    means: tuple[ArrayLike, ArrayLike],
    squares: tuple[ArrayLike, ArrayLike],
    freedoms: tuple[ArrayLike, ArrayLike],
) -> tuple[Floats, Floats]:
    """Return Welch's t of first minus second, and its degrees of freedom by Satterthwaite.

    Seeds of two structures hardly correlate, so they are not paired.
    """
    import numpy as np

    square, freedom = add_variances(squares[0], freedoms[0], squares[1], freedoms[1])
    difference = np.asarray(means[0], dtype=float) - np.asarray(means[1], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, difference / np.sqrt(square))
    return t, freedom


def lower_tail(t: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return the probability that Student's t lies below `t`."""
    import numpy as np
    from scipy.special import stdtr

    return np.asarray(stdtr(np.asarray(freedom, dtype=float), np.asarray(t, dtype=float)))


def find_p(estimate: Estimate) -> float:
    """Return the two-sided p-value that a mean differs from zero."""
    if not estimate.error:
        return float(not estimate.mean)
    return 2 * float(lower_tail(-abs(estimate.mean) / estimate.error, estimate.freedom))


def find_behind(means: ArrayLike, squares: ArrayLike, freedoms: ArrayLike, alpha: float = ALPHA) -> Flags:
    """Tell which structures are behind the best: another is at least as good.

    Multiple comparisons with the best (Hsu 1984, Ann. Statist. 12): each structure is compared with the
    others, with alpha shared over these. The best structure is called behind with probability alpha at most,
    however many structures there are. The tests are two-sided: scores of few seeds are skewed, and one-sided
    tests then claim too much.

    Args:
        means: Means, higher is better, (..., structures).
        squares: Squared standard errors, of the same shape.
        freedoms: Degrees of freedom, of the same shape.
        alpha: The probability of a false claim.
    """
    import numpy as np

    means, squares, freedoms = (np.asarray(array, dtype=float) for array in (means, squares, freedoms))
    count = means.shape[-1]
    if count < 2:
        return np.zeros(means.shape, dtype=bool)
    pairs = [(array[..., :, None], array[..., None, :]) for array in (means, squares, freedoms)]
    t, freedom = welch_t(*pairs)
    return np.asarray(2 * lower_tail(t, freedom).min(-1) * (count - 1) < alpha)


def find_differing(means: ArrayLike, squares: ArrayLike, freedoms: ArrayLike, alpha: float = ALPHA) -> Flags:
    """Tell which pairs of structures differ, corrected for all pairs (Holm 1979, Scand. J. Statist. 6).

    Returns:
        A symmetric array, (..., structures, structures).
    """
    import numpy as np

    means, squares, freedoms = (np.asarray(array, dtype=float) for array in (means, squares, freedoms))
    first, second = np.triu_indices(means.shape[-1], 1)
    pairs = [(array[..., first], array[..., second]) for array in (means, squares, freedoms)]
    t, freedom = welch_t(*pairs)
    corrected = correct_by_holm(2 * lower_tail(-np.abs(t), freedom))
    differs = np.zeros((*means.shape, means.shape[-1]), dtype=bool)
    differs[..., first, second] = differs[..., second, first] = corrected < alpha
    return differs


def correct_by_holm(p_values: ArrayLike) -> Floats:
    """Return p-values corrected for how many there are, (..., tests) (Holm 1979, Scand. J. Statist. 6)."""
    import numpy as np

    values = np.asarray(p_values, dtype=float)
    order = values.argsort(-1)
    factors = np.arange(values.shape[-1], 0, -1)
    rising = np.maximum.accumulate(np.take_along_axis(values, order, -1) * factors, -1)
    corrected = np.empty_like(values)
    np.put_along_axis(corrected, order, np.minimum(rising, 1.0), -1)
    return corrected
