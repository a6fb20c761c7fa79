"""Tables of a contrast: differences over seeds and test items, then the items that only one solves."""

from __future__ import annotations

from collections.abc import Iterator

from probekit.cards.contrast import Contrast
from probekit.cards.formatting import NOTHING, format_margin, format_score
from probekit.cards.tables import Table
from probekit.evidence.compare import Difference

MAX_CASES = 10
"""Most test items that are listed for one structure."""


def contrast_tables(contrast: Contrast) -> Iterator[Table]:
    """Yield a table of the differences, then for each structure the items that only it solves."""
    first, second = map(format_score, contrast.means)
    means = f"{contrast.one} {first}, {contrast.other} {second}"
    setting = f"{contrast.probe}, scale {contrast.scale} ({contrast.better} is better)"
    yield Table(
        f"{contrast.metric} on {setting}: {means}",
        (f"{contrast.one} minus {contrast.other}, over", "count", "mean", "95 %", "p"),
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
    """Return a difference with its interval and its p-value."""
    interval, p = difference.interval, difference.p
    ends = format_margin(interval.low, interval.high) if interval else NOTHING
    count = f"{interval.count:,}" if interval else NOTHING
    return over, count, f"{difference.mean:+.4f}", ends, NOTHING if p is None else format_p(p)


def format_p(p: float) -> str:
    """Return a p-value with three digits, or that it is small."""
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def contrast_notes(contrast: Contrast) -> Iterator[str]:
    """Yield the comparison in words, and what readers need to know."""
    yield contrast.standing
    yield f"Floor of the {contrast.metric}: {format_score(contrast.floor)}."
    yield from contrast.cautions
    yield "Over seeds, the p-value is of Welch's t-test, and noise between seeds and test items is counted."
    yield "Over items, it is of the paired t-test, and holds for these trained networks alone."
    yield f"Test items solved by both: {contrast.both:,}; by neither: {contrast.neither:,}."
