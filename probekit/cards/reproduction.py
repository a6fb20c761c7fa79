"""A reproduction is shown as tables: published numbers beside ours, the order of rows, the conclusions."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import stdev

from probekit.cards.tables import Table
from probekit.cards.words import margin_ends
from probekit.evidence.conclude import Conclusion
from probekit.evidence.reproduce import Line, Reproduction


def tables(found: Reproduction) -> Iterator[Table]:
    """Yield the table itself, its order and its conclusions, as text."""
    heads = ["row", "structure", "parameters", "ours"]
    for metric in found.metrics:
        heads += [f"{metric} x 100", "ours"]
    yield Table(
        f"{found.name} at scale {found.scale}",
        (*heads, "seconds"),
        tuple(cells(line, found.metrics) for line in found.lines),
        tuple(notes(found)),
    )
    yield Table(
        f"{found.name}: conclusions of the paper",
        ("conclusion", "here", "margin", "95 %", "seeds"),
        tuple(
            (
                one.text,
                one.verdict,
                "-" if one.margin is None else f"{one.margin:+.4f}",
                reach(one),
                str(one.seeds),
            )
            for one in found.conclusions
        ),
    )


def reach(one: Conclusion) -> str:
    """Return in words how far a margin may be off: by its interval over seeds, or by the scale's noise."""
    if one.interval is not None:
        return margin_ends(one.interval.low, one.interval.high)
    return "-" if one.within is None else f"± {one.within:.4f}, noise"


def pairs(found: tuple[tuple[str, str], ...]) -> str:
    """Return in words which rows are not better than which."""
    return "; ".join(f"{one} not better than {other}" for one, other in found) or "none"


def cells(line: Line, metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row: the paper's numbers, times 100, each followed by ours."""
    found = [line.name, line.structure, f"{line.published_parameters:,}"]
    found.append(f"{line.parameters:,}")
    for metric in metrics:
        published, ours = line.published.get(metric), line.mean(metric)
        scores = list(line.found.get(metric, {}).values())
        spread = f" ± {100 * stdev(scores):.2f}" if len(scores) > 1 else ""
        found.append("-" if published is None else f"{100 * published:.2f}")
        found.append("-" if ours is None else f"{100 * ours:.2f}{spread}")
    found.append("-" if line.seconds is None else f"{line.seconds:.0f}")
    return tuple(found)


def notes(found: Reproduction) -> Iterator[str]:
    """Yield the order in words, the seeds that failed, and where all was run."""
    order = found.order
    if order.tau is not None:
        over = (
            f" (95 % over seeds {order.interval.low:.2f} to {order.interval.high:.2f})"
            if order.interval
            else ""
        )
        beyond = f"; of these beyond the noise: {pairs(order.beyond)}" if order.beyond is not None else ""
        yield (
            f"Kendall's tau of {order.metric} {order.tau:.2f}{over}, over {len(order.pairs)}"
            f" pairs of rows that the paper sets apart; turned: {pairs(order.turned)}{beyond}."
        )
    seeds = sorted({seed for line in found.lines for scores in line.found.values() for seed in scores})
    if len(seeds) > 1:
        yield f"Seeds {', '.join(map(str, seeds))}; ± is the standard deviation over them."
    elif seeds:
        yield f"Seed {seeds[0]} alone."
    for line in found.lines:
        if line.failed:
            yield f"{line.name}: seeds {', '.join(map(str, line.failed))} failed."
    for one in found.environments:
        yield (
            f"probekit {one.probekit}, torch {one.torch}, Python {one.python}, {one.device},"
            f" {one.threads} threads."
        )
