"""Tables are what a card says in rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probekit.cards.card import Card, Cell, Column, Score
from probekit.cards.words import (
    NOTHING,
    aside,
    between_seeds,
    bounds,
    duration,
    exact,
    flops,
    margin_ends,
    moved,
    number,
    percent,
    spiked,
    unscored,
)
from probekit.evidence.certify import Certificate
from probekit.evidence.verdict import FITS

HELD = {True: "holds", False: "FAILS", None: "for the eye"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under their heads, and what must be known to read them."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(card: Card) -> Iterator[Table]:
    """Yield a card's tables: structures x properties, then each column, then what was left out."""
    yield matrix(card)
    for column in card.columns:
        yield detail(card, column)
        yield cost(card, column)
        yield others(card, column)
    if card.omissions:
        yield Table("Left out", ("what", "why"), tuple(split(line) for line in card.omissions))
    yield Table("Made again by", ("command",), tuple((line,) for line in foot(card)))


def matrix(card: Card) -> Table:
    """Return structures x properties; of one structure, its properties."""
    heads = ("structure", *(f"{column.property}: {column.title}" for column in card.columns))
    rows = [
        (name, *(summary(column, column.cell(name)) for column in card.columns)) for name in card.structures
    ]
    if len(rows) == 1:
        turned = zip(heads[1:], rows[0][1:], strict=True)
        return Table(f"Report card of {rows[0][0]}", ("property", rows[0][0]), tuple(turned))
    said = tuple(map(card.sentence, card.structures))
    return Table("Report card", heads, tuple(rows), (*said, legend(card)))


def legend(card: Card) -> str:
    """Return how the standings of a card are to be read."""
    return (
        "Places lie from the best of all controls, which lack the property (0 %), to perfect (100 %)."
        " Differences are claimed from three seeds on, at 95 % of all pairs of a column at once (Holm)."
    )


def summary(column: Column, cell: Cell | None) -> str:
    """Return a cell of the matrix."""
    if cell is None:
        return "not measured"
    said = [percent(cell.headline.place), cell.verdict.word, standing(cell), failures(cell)]
    return "  ".join(text for text in said if text and text != NOTHING)


def standing(cell: Cell) -> str:
    """Return how a cell stands to the best of its column."""
    return f"({cell.standing})" if cell.standing else ""


def failures(cell: Cell) -> str:
    """Return how many seeds failed, where some did."""
    return f"{len(cell.failed)} of {len(cell.runs)} seeds failed" if cell.failed else ""


def detail(card: Card, column: Column) -> Table:
    """Return a column's headline, a row a structure."""
    paper = any(cell.headline.published is not None for cell in column.cells)
    beyond = any(cell.headline.harder is not None for cell in column.cells)
    more = (*(["harder"] if beyond else []), *(["paper"] if paper else []))
    heads = ("structure", column.metric, "95 %", "place", "verdict", "to the best", *more)
    rows = [row(cell, paper, beyond) for name in card.structures if (cell := column.cell(name)) is not None]
    return Table(f"{column.property}: {column.title}", heads, tuple(rows), tuple(notes(column)))


def row(cell: Cell, paper: bool, beyond: bool) -> tuple[str, ...]:
    """Return a structure's cells."""
    score, published = cell.headline, cell.headline.published
    return (
        cell.structure,
        number(score.mean),
        span(score),
        percent(score.place),
        cell.verdict.word,
        standing(cell).strip("()"),
        *([number(score.harder)] if beyond else []),
        *([number(published)] if paper else []),
    )


def cost(card: Card, column: Column) -> Table:
    """Return what the structures of a column cost, a row each."""
    heads = ("structure", "parameters", "FLOPs", "training", "seeds", "failed")
    rows = tuple(
        (
            cell.structure,
            f"{cell.parameters:,}{aside(cell.budget_gap)}{moved(cell.width, cell.width_wished)}",
            flops(cell.flops),
            duration(cell.seconds),
            ", ".join(str(run.seed) for run in cell.done) or NOTHING,
            ", ".join(str(run.seed) for run in cell.failed) or NOTHING,
        )
        for name in card.structures
        if (cell := column.cell(name)) is not None
    )
    return Table(f"{column.title}: cost", heads, rows)


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


def others(card: Card, column: Column) -> Table:
    """Return all metrics of a column, and what was measured: a row a metric, a column a structure."""
    cells = [cell for name in card.structures if (cell := column.cell(name)) is not None]
    rows = [
        (
            name,
            number(first.floor),
            exact(first.perfect),
            *(placed(cell.scores.get(name)) for cell in cells),
        )
        for name, first in cells[0].scores.items()
    ]
    measured = sorted({name for cell in cells for name in cell.measured})
    rows += [(name, "", "", *(number(cell.measured.get(name)) for cell in cells)) for name in measured]
    heads = ("metric", "floor", "perfect", *(cell.structure for cell in cells))
    rest = sorted({name for cell in cells for run in cell.done for name in run.unscored} - {column.metric})
    why = tuple(text for cell in cells for text in lacking(cell, rest))
    return Table(f"{column.title}: mean over seeds, and place", heads, tuple(rows), why)


def foot(card: Card) -> Iterator[str]:
    """Yield the commands that make a card again."""
    for column in card.columns:
        yield from column.rebuild
    yield card.command


def placed(score: Score | None) -> str:
    """Return a mean and its place."""
    if score is None:
        return NOTHING
    return number(score.mean) + ("" if score.place is None else f"  {percent(score.place)}")


def span(score: Score) -> str:
    """Return an interval, and what it is over."""
    found = score.interval
    return NOTHING if found is None else f"{number(found.low)} to {number(found.high)}, {found.over}"


def split(line: str) -> tuple[str, str]:
    """Return what was left out, and why."""
    what, _, why = line.partition(": ")
    return what, why
