"""Words are how numbers are said to people: scores, places, times, one line of text that moves no cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median_high

from probekit.catalog.grammar import canonical
from probekit.evidence.verdict import said
from probekit.plain import marked
from probekit.plans.finite import finite
from probekit.storage.along import Along

BAR = 20
NOTHING = "-"
FEW = 3
"""Channels of width below which a network has hardly a choice."""


def written(text: str) -> str:
    """Return a stored expression as it is shown: in one way of writing, look-alike letters spelled out."""
    return marked(canonical(text))


def number(value: float | None) -> str:
    """Return a score in four decimals, or a dash where there is none."""
    return NOTHING if finite(value) is None else f"{value:z.4f}"


def exact(value: float | None) -> str:
    """Return a number that was stated, or a dash where there is none."""
    return NOTHING if finite(value) is None else f"{value:g}"


def percent(value: float | None) -> str:
    """Return a place in per cent, or a dash where there is none; below the floor there are no shades."""
    return NOTHING if finite(value) is None else said(value)


def flops(count: int | None) -> str:
    """Return the floating-point operations of an item."""
    if count is None:
        return NOTHING
    return f"{count / 1e9:,.1f} G" if count >= 1e10 else f"{count / 1e6:,.1f} M"


def duration(seconds: float | None) -> str:
    """Return a time in the unit a person would use."""
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def aside(gap: float | None) -> str:
    """Say how far the parameters are off the budget, where that is more than 5 %."""
    return f" ({gap:+.0%} of the budget)" if gap is not None and abs(gap) > 0.05 else ""


def width(chosen: int | None, wished: int | None) -> str:
    """Return a width, with the scale's where it is another."""
    return f"{chosen or 'fixed'}" + ("" if wished is None else f" (the nearest to the scale's {wished})")


def moved(chosen: int | None, wished: int | None) -> str:
    """Say that a width is another than the scale's, where it is."""
    return "" if wished is None else f" (width {chosen}, the nearest to the scale's {wished})"


def narrow(widths: Mapping[str, int]) -> Iterator[str]:
    """Say which of the widths that were chosen for a budget are below half of the median, or below FEW.

    A layer that has many parameters a channel is left few of them, and its network little to answer with.
    """
    middle = median_high(widths.values()) if widths else 0
    few = [f"{name} {chosen}" for name, chosen in widths.items() if chosen < max(FEW, middle / 2)]
    if few:
        most = f", where the median is {middle}" if middle >= FEW else ""
        yield (
            f"Channels of width that the budget leaves: {', '.join(few)}{most}. A low score tells of the "
            "budget as well as of the structure; `--width` sets one width for all."
        )


def bar(place: float, signs: int = BAR) -> str:
    """Draw a place between floor and perfect; below the floor there is nothing to draw."""
    full = round(max(0.0, min(1.0, place)) * signs)
    return "█" * full + "·" * (signs - full)


def solved(along: Along | None) -> str:
    """Return how hard it may be and is solved, "" where nothing is said of that."""
    if along is None or (limit := along.limit) is None:
        return ""
    if limit == along.points[0].start:
        return "none"
    return "all" if limit == along.points[-1].stop else f"< {limit:g}"


def solving(several: Sequence[Along | None]) -> str:
    """Say what `solved` counts, "" where none says anything of it."""
    one = next((one for one in several if one is not None and solved(one)), None)
    return "" if one is None else f"below how many {one.unit} {one.solved:.0%} are right, from the fewest on"


def between_seeds(metric: str, noise: float | None) -> str:
    """Say by how much a metric varies between the seeds of a scale."""
    if noise is None:
        return "The noise between seeds was not measured for this setting."
    return f"Between seeds the {metric} varies by {noise:.4f} (standard deviation, measured)."


def bounds(
    metric: str, floors: Mapping[str, float | None], ceiling: float | None, perfect: float | None
) -> Iterator[str]:
    """Say what each of the controls scores, and how far one comes where one must guess."""
    if floors:
        listed = ", ".join(f"{name} {number(score)}" for name, score in floors.items())
        yield f"Controls, {metric}: {listed}."
    if ceiling is not None and ceiling != perfect:
        yield f"Ceiling of the {metric}: {number(ceiling)}; beyond, inputs leave it to be guessed."


def margin_ends(low: float, high: float) -> str:
    """Return the ends of a difference, with their signs."""
    return f"{low:+.4f} to {high:+.4f}"


def spiked(structure: str, seed: int, multiple: float) -> str:
    """Say that training lost its footing, and what that does to the score."""
    return (
        f"Training of {structure}, seed {seed}, blew up: the loss rose to {multiple:.3g} times where it "
        "began and never came back to where it had been. Its score tells of the recipe as well as of the "
        "structure; a lower rate may hold."
    )


def put_back(structure: str, seed: int, doing: str, what: Sequence[str]) -> str:
    """Say what a run's code changed of the process, which others would have felt."""
    return f"{structure}, seed {seed}, changed while {doing}: {', '.join(what)}; that was put back."


def unscored(structure: str, seed: int, metric: str, why: str) -> str:
    """Say why a run has no score in a metric."""
    return f"{structure}, seed {seed}, has no {metric}: {why}."
