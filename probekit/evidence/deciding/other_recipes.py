"""Other recipes: whether one of those that were tried would have given another word."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from probekit.storage.result import normalize_score


def describe_other_recipes(
    tried: Mapping[float, float | None],
    chosen: float,
    floor: float | None,
    perfect: float,
    thresholds: Sequence[float],
) -> str:
    """Return in a sentence which learning rates lie on another side of a threshold; "" without any.

    Args:
        tried: The validation score of one seed by learning rate, None where the run failed.
        chosen: The learning rate with the best of them.
        floor: The score of the best baseline.
        perfect: The score of a perfect answer.
        thresholds: Normalised scores at which the word changes.
    """
    places = {
        rate: place
        for rate, score in sorted(tried.items())
        if score is not None and (place := normalize_score(score, floor, perfect)) is not None
    }
    if chosen not in places:
        return ""
    ascending = sorted(thresholds)
    side = bisect_right(ascending, places[chosen])
    others = [
        f"lr {rate:g} reaches {place:.0%}"
        for rate, place in places.items()
        if bisect_right(ascending, place) != side
    ]
    if not others:
        return ""
    return (
        f"Another recipe gives another word. On validation, one seed, {', '.join(others)} of the way, "
        f"and lr {chosen:g}, which was chosen, reaches {places[chosen]:.0%}."
    )
