"""Tables of a contrast: differences over seeds and test items, then the items that only one solves."""

from __future__ import annotations

from collections.abc import Iterator

from probekit.cards.contrast import Contrast
from probekit.cards.formatting import NOTHING, format_margin, format_score
from probekit.cards.tables import Table
from probekit.evidence.significance import Difference

MAX_CASES = 10
"""Most test items that are listed for one structure."""


def contrast_tables(contrast: Contrast) -> Iterator[Table]:
    """Yield a table of the differences, then for each structure the items that only it solves."""
    first, second = map(format_score, contrast.means)
    means = f"{contrast.one} {first}, {contrast.other} {second}"
    setting = f"{contrast.probe}, scale {contrast.scale} ({contrast.better} is better)"
    yield Table(
        f"{contrast.metric} on {setting}: {means}",
        (f"{contrast.one} minus {contrast.other}, over", "count", "mean", "95 %", "p", "effect size"),
        (difference_row("seeds", contrast.seeds), difference_row("test items", contrast.items)),
        tuple(contrast_notes(contrast)),
    )
    for name, cases in ((contrast.one, contrast.only_one), (contrast.other, contrast.only_other)):
        shown = f", the {MAX_CASES} with the greatest difference" if len(cases) > MAX_CASES else ""
        yield Table(
            f"solved by {name} alone: {len(cases):,} of {contrast.count:,}{shown}",
            ("test item", contrast.one, contrast.other),
            tuple(
                (str(case.item), format_score(case.one), format_score(case.other))
                for case in cases[:MAX_CASES]
            ),
        )


def difference_row(over: str, difference: Difference) -> tuple[str, ...]:
    """Return a difference with its interval, its p-value and its effect size."""
    interval = difference.interval
    ends = format_margin(interval.low, interval.high) if interval else NOTHING
    count = interval.count if interval else difference.seeds
    p = "< 0.0001" if difference.p is not None and difference.p < 1e-4 else format_short(difference.p)
    return over, f"{count:,}", f"{difference.mean:+.4f}", ends, p, format_short(difference.effect)


def format_short(value: float | None) -> str:
    """Return a number with three digits, or a dash if there is none."""
    return NOTHING if value is None else f"{value:.3g}"


def contrast_notes(contrast: Contrast) -> Iterator[str]:
    """Yield the comparison in words, and what readers need to know."""
    yield contrast.standing
    yield f"Floor of the {contrast.metric}: {format_score(contrast.floor)}."
    yield from contrast.cautions
    yield "The p-value is of the paired t-test. Over items it holds for these trained networks alone."
    yield "The effect size is the mean difference divided by the standard deviation of the differences."
    yield f"Test items solved by both: {contrast.both:,}; by neither: {contrast.neither:,}."
