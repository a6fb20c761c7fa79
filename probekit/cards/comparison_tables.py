"""Tables of comparisons: two structures with each other, and published numbers with ours."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import stdev

from probekit.cards.contrast import Contrast
from probekit.cards.formatting import NOTHING, format_margin, format_score
from probekit.cards.tables import Table
from probekit.evidence.compare import Difference
from probekit.evidence.conclusions import Conclusion
from probekit.evidence.reproduce import ReproducedRow, Reproduction

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


def reproduction_tables(reproduction: Reproduction) -> Iterator[Table]:
    """Yield the published table next to our numbers, then the conclusions."""
    heads = ["row", "structure", "parameters", "ours"]
    for metric in reproduction.metrics:
        heads += [f"{metric} x 100", "ours"]
    yield Table(
        f"{reproduction.name} at scale {reproduction.scale}",
        (*heads, "seconds"),
        tuple(format_cells(row, reproduction.metrics) for row in reproduction.lines),
        tuple(reproduction_notes(reproduction)),
    )
    yield Table(
        f"{reproduction.name}: conclusions of the paper",
        ("conclusion", "here", "margin", "interval", "seeds"),
        tuple(
            (
                conclusion.text,
                conclusion.verdict,
                "-" if conclusion.margin is None else f"{conclusion.margin:+.4f}",
                format_uncertainty(conclusion),
                str(conclusion.seeds),
            )
            for conclusion in reproduction.conclusions
        ),
    )


def format_uncertainty(conclusion: Conclusion) -> str:
    """Return the interval by which a conclusion is judged."""
    interval = conclusion.interval
    return NOTHING if interval is None else format_margin(interval.low, interval.high)


def format_pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return in words which rows are not better than which."""
    return "; ".join(f"{better} not better than {worse}" for better, worse in pairs) or "none"


def format_cells(row: ReproducedRow, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cells of a row: the paper's numbers, times 100, each followed by ours."""
    cells = [row.name, row.structure, f"{row.published_parameters:,}"]
    cells.append(f"{row.parameters:,}")
    for metric in metrics:
        published, ours = row.published.get(metric), row.mean_score(metric)
        scores = list(row.found.get(metric, {}).values())
        spread = f" ± {100 * stdev(scores):.2f}" if len(scores) > 1 else ""
        cells.append("-" if published is None else f"{100 * published:.2f}")
        cells.append("-" if ours is None else f"{100 * ours:.2f}{spread}")
    cells.append("-" if row.seconds is None else f"{row.seconds:.0f}")
    return tuple(cells)


def reproduction_notes(reproduction: Reproduction) -> Iterator[str]:
    """Yield the order in words, the seeds that failed, and the environments of the runs."""
    order = reproduction.order
    if order.tau is not None:
        interval = (
            f" (95 % over seeds {order.interval.low:.2f} to {order.interval.high:.2f})"
            if order.interval
            else ""
        )
        beyond = f"; beyond the noise: {format_pairs(order.beyond)}" if order.beyond is not None else ""
        yield (
            f"Kendall's tau of {order.metric} {order.tau:.2f}{interval}, over {len(order.pairs)} pairs of "
            f"rows that differ in the paper; reversed: {format_pairs(order.turned)}{beyond}."
        )
    rows = reproduction.lines
    seeds = sorted({seed for row in rows for scores in row.found.values() for seed in scores})
    if len(seeds) > 1:
        yield f"Seeds {', '.join(map(str, seeds))}; ± is the standard deviation over them."
    elif seeds:
        yield f"Only seed {seeds[0]}."
    for row in rows:
        if row.failed:
            yield f"{row.name}: seeds {', '.join(map(str, row.failed))} failed."
    for environment in reproduction.environments:
        yield (
            f"probekit {environment.probekit}, torch {environment.torch}, Python {environment.python}, "
            f"{environment.device}, {environment.threads} threads."
        )
