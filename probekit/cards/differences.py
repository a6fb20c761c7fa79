"""The differences of two structures are shown as tables: over seeds and test items, then case by case."""

from __future__ import annotations

from collections.abc import Iterator

from probekit.cards.contrast import Contrast
from probekit.cards.tables import Table
from probekit.cards.words import NOTHING, margin_ends, number
from probekit.evidence.compare import Difference

CASES = 10
"""Test items that are listed of those that one structure alone solves."""


def tables(found: Contrast) -> Iterator[Table]:
    """Yield the differences with what must be known of them, then the test items that one alone solves."""
    means = f"{found.one} {number(found.means[0])}, {found.other} {number(found.means[1])}"
    yield Table(
        f"{found.metric} on {found.probe}, scale {found.scale} ({found.better} is better): {means}",
        (f"{found.one} minus {found.other}, over", "count", "mean", "95 %", "p", "effect size"),
        (row("seeds", found.seeds), row("test items", found.items)),
        tuple(notes(found)),
    )
    for name, cases in ((found.one, found.only_one), (found.other, found.only_other)):
        more = f", the {CASES} most divided" if len(cases) > CASES else ""
        yield Table(
            f"solved by {name} alone: {len(cases):,} of {found.count:,}{more}",
            ("test item", found.one, found.other),
            tuple((str(case.item), number(case.one), number(case.other)) for case in cases[:CASES]),
        )


def row(over: str, gap: Difference) -> tuple[str, ...]:
    """Return a difference with its interval, its p and its effect size."""
    ends = margin_ends(gap.interval.low, gap.interval.high) if gap.interval else NOTHING
    count = gap.interval.count if gap.interval else gap.seeds
    p = "< 0.0001" if gap.p is not None and gap.p < 1e-4 else short(gap.p)
    return over, f"{count:,}", f"{gap.mean:+.4f}", ends, p, short(gap.effect)


def short(value: float | None) -> str:
    """Return a number in three digits, or a dash where there is none."""
    return NOTHING if value is None else f"{value:.3g}"


def notes(found: Contrast) -> Iterator[str]:
    """Yield what is said of the two, and what must be known to read it."""
    yield found.standing
    yield f"Floor of the {found.metric}: {number(found.floor)}."
    yield from found.cautions
    yield "Student's paired t: over seeds; over items, of these networks alone."
    yield "The effect size is the mean difference over the standard deviation of the differences."
    yield f"Test items solved by both: {found.both:,}; by neither: {found.neither:,}."
