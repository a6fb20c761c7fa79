"""Notes are what must be known to read a column of a card, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probekit.cards.card import Cell, Column, Score
from probekit.cards.words import (
    between_seeds,
    bounds,
    exact,
    margin_ends,
    number,
    solving,
    spiked,
    unscored,
)
from probekit.evidence.certify import Certificate
from probekit.evidence.verdict import FITS

HELD = {True: "holds", False: "FAILS", None: "for the eye"}


def notes(column: Column) -> Iterator[str]:
    """Yield what must be known to read a column, and the certificate of its probe."""
    yield from reading(column)
    if column.certificate is None:
        yield "No certificate is stored; `probekit certify` makes one."
        return
    yield certified(column.certificate)
    for check in column.certificate.checks:
        yield f"{check.name} {HELD[check.holds]}: {check.evidence}."


def reading(column: Column) -> Iterator[str]:
    """Yield what must be known to read a column."""
    way = "lower is better" if column.better == "lower" else "higher is better"
    floor = f"floor {number(column.floor)}, perfect {exact(column.perfect)}"
    yield f"{column.metric}: {column.metric_about}; {way}; {floor}; version {column.version} of the probe."
    has, partly = column.thresholds
    fits = f"fits from {FITS:.0%} on the training items"
    if column.tags:
        yield f"It takes {', '.join(column.tags)}."
    yield f"Has it from a place of {has:.0%}, partly from {partly:.0%}; {fits}."
    if column.harder:
        yield f"harder: the same metric on {column.harder}; of one or two seeds it says little."
    if telling := solving([cell.along for cell in column.cells]):
        yield f"solved: {telling}."
    for cell in column.cells:
        if cell.verdict.why or cell.verdict.measured:
            yield f"{cell.structure}: {cell.verdict}."
    yield from (interval_note(cell.headline) for cell in unlike(column.cells))
    controls = {line.name: line.mean for line in column.controls}
    yield from bounds(column.metric, controls, column.ceiling, column.perfect)
    yield from column.cautions
    yield between_seeds(column.metric, column.noise)
    for cell in column.cells:
        if (gap := cell.difference) is not None and gap.interval is not None:
            ends = margin_ends(gap.interval.low, gap.interval.high)
            yield f"{cell.structure} minus the best, over {gap.seeds} seeds: {gap.mean:+.4f} ({ends})."
    for cell in column.cells:
        yield from (f"{cell.structure}, seed {run.seed}, failed: {run.error}" for run in cell.failed)
        yield from (f"{cell.structure}, seed {run.seed}: {run.caution}." for run in cell.done if run.caution)
        yield from (spiked(cell.structure, run.seed, run.spike) for run in cell.done if run.spike)
        yield from lacking(cell, [column.metric])


def lacking(cell: Cell, metrics: Sequence[str]) -> Iterator[str]:
    """Yield why seeds of a cell have no score in these metrics."""
    for run in cell.done:
        for metric in metrics:
            if metric in run.unscored:
                yield unscored(cell.structure, run.seed, metric, run.unscored[metric])


def unlike(cells: Sequence[Cell]) -> list[Cell]:
    """Return one cell for each way its interval was found."""
    ways = {(i.over, i.count): cell for cell in cells if (i := cell.headline.interval) is not None}
    return list(ways.values())


def interval_note(score: Score) -> str:
    """Say how an interval was found."""
    found = score.interval
    if found is None:
        return "no interval"
    if found.over == "seeds":
        return f"95 % over {found.count} seeds, by Student's t."
    items = f"{found.count:,} test items" if found.count else "its test items"
    return f"95 % of one seed, by Student's t over {items}; it holds no noise between seeds."


def certified(certificate: Certificate) -> str:
    """Say what a certificate comes to."""
    held = "passed" if certificate.passed else "FAILED"
    return f"Certificate at {certificate.scale}, {certificate.items:,} items: {held}."
