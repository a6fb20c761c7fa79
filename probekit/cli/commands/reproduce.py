"""`probekit reproduce` runs a paper's tables and sets its numbers beside ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.cards.words import margin_ends
from probekit.catalog.registry import registry
from probekit.cli.grid import carry_out_all, interrupted, tuned
from probekit.cli.messages import note, write
from probekit.cli.table import print_tables

if TYPE_CHECKING:
    from probekit.cards.tables import Table
    from probekit.evidence.conclude import Conclusion
    from probekit.evidence.reproduce import Line, Place, Reproduction, Source
    from probekit.plans.plan import Plan
    from probekit.storage.result import Result
    from probekit.storage.store import Store


def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="As table1.  [default: all]")
    ] = None,
    scale: Annotated[str, typer.Option(help="At paper, rows have the paper's widths.")] = "quick",
    seeds: Annotated[int, typer.Option(metavar="K", min=1, help="Run seeds 0 to K - 1.")] = 1,
    trainer: Annotated[str, typer.Option(help="As supervised(epochs=20).")] = "supervised",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps.  [default: the fastest there is]")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: $PROBEKIT_HOME or ./probekit-runs]")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Choose each row's learning rate of three on the validation split.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing; leave open what is not stored.")
    ] = False,
    md: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Markdown, over what is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of tables.")] = False,
) -> None:
    """Run what the store lacks of published tables; print their numbers beside ours, order and conclusions.

    The order is compared by Kendall's tau over the pairs of rows that the paper sets apart: by more than a
    point where higher is better, by more than a tenth where lower is. A conclusion holds, or does not, where
    the 95 % interval of its margin over seeds says so; of one seed, where the margin exceeds what the scale's
    measured noise between seeds makes of it.

    Example: probekit reproduce table2 table3 --seeds 3
    """
    from probekit.cards.tables import in_markdown
    from probekit.evidence.reproduce import reproduced, sources
    from probekit.storage.store import Store

    kept = Store(store)
    found = []
    for source in sources(registry(), names or []):
        plans = planned(source, scale, seeds, trainer)
        if tune and not dry_run:
            plans = dict(zip(plans, tuned(list(plans.values()), device, kept), strict=True))
        results = stored(plans, kept) if dry_run else carried_out(source.name, plans, device, kept)
        found.append(reproduced(source, scale, plans, results))
    texts = [table for one in found for table in tables(one)]
    if md is not None:
        write(md, in_markdown(texts))
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
    else:
        print_tables(texts)
    if any(line.failed for one in found for line in one.lines):
        raise typer.Exit(1)


def planned(source: Source, scale: str, seeds: int, trainer: str) -> dict[Place, Plan]:
    """Plan a table's rows."""
    from probekit.evidence.reproduce import specs
    from probekit.plans.plan import make_plan

    return {
        place: make_plan(spec, registry()) for place, spec in specs(source, scale, seeds, trainer).items()
    }


def carried_out(
    table: str, plans: dict[Place, Plan], device: str | None, store: Store
) -> dict[Place, Result]:
    """Return the results, running what the store lacks; raises Interrupted at Ctrl-C."""
    note(f"{table}: {len(plans)} runs")
    _, outcomes, stopped = carry_out_all(list(plans.values()), device, store, force=False)
    if stopped:
        raise interrupted()
    results = {outcome.result.plan.identity: outcome.result for outcome in outcomes}
    return {place: results[plan.identity] for place, plan in plans.items() if plan.identity in results}


def stored(plans: dict[Place, Plan], store: Store) -> dict[Place, Result]:
    """Return the results that the store holds; raises StoreError where one is not whole."""
    kept = {place: store.find(plan) for place, plan in plans.items()}
    return {place: found[0] for place, found in kept.items() if found is not None}


def tables(found: Reproduction) -> Iterator[Table]:
    """Yield the table itself, its order and its conclusions, as text."""
    from probekit.cards.tables import Table

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
