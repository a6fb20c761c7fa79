"""Whether training was still learning when it ended, by the last fifth of its loss curve."""

from __future__ import annotations

from collections.abc import Sequence

LossPoints = Sequence[tuple[float, float]]
LAST = 5
"""One part in so many of a curve is its end."""
BLOCKS = 8
"""Parts of the end whose mean losses are compared; losses of single batches are too noisy."""
FALL = 0.02
"""The least share of the loss that is left by which it must fall within the end."""
LEVEL = 0.99
"""How sure it must be that the loss falls."""


def is_still_learning(curves: Sequence[LossPoints]) -> bool:
    """Tell whether losses still fell at the end: by more than their noise, and by more than a trifle.

    A line is fitted to the means of eight blocks of the last fifth of each curve. The slopes are averaged
    over the curves and compared with the noise around the lines.

    Args:
        curves: The points (step, loss) of each seed. Curves that are too short do not count.
    """
    import numpy as np
    from scipy.special import stdtrit

    slopes, squares, rest = [], [], []
    position = (np.arange(BLOCKS) - (BLOCKS - 1) / 2) / BLOCKS
    for curve in curves:
        losses = np.array([loss for _, loss in curve[-(len(curve) // LAST) :]], dtype=float)
        if len(curve) < LAST * BLOCKS or not np.isfinite(losses).all():
            continue
        means = np.array([block.mean() for block in np.array_split(losses, BLOCKS)])
        slope = float((position * means).sum() / (position**2).sum())
        residuals = means - means.mean() - slope * position
        slopes.append(slope)
        squares.append(float((residuals**2).sum()) / (BLOCKS - 2) / float((position**2).sum()))
        rest.append(float(losses.mean()))
    if not slopes:
        return False
    count = len(slopes)
    margin = float(stdtrit((BLOCKS - 2) * count, LEVEL)) * float(np.sqrt(sum(squares))) / count
    fall = -sum(slopes) / count
    return fall > margin and fall > FALL * sum(rest) / count
